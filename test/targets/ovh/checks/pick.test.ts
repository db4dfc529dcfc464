import { describe, expect, it } from 'vitest';
import { distance, nearest } from '../../../../src/targets/ovh/checks/near.js';
import { fitFlavors, fitImages, regionChoices } from '../../../../src/targets/ovh/checks/pick.js';

describe('what is offered', () => {
  it('are flavors that are large enough, the smallest first', () => {
    const flavor = (name: string, memory: number, vcpus = 2, disk = 50) => ({ id: name, name, memory, vcpus, disk });
    const all = [flavor('b2-15', 15000, 4), flavor('b2-7', 7000), flavor('d2-2', 2000, 1, 25), flavor('s1-1', 1000), flavor('win-b2-7', 7000), flavor('bm-s1', 64000), flavor('v', 4000, 2, 0), flavor('b10-7', 7000), flavor('c2-7', 7000, 1)];
    expect(fitFlavors(all).map(({ name, recommended }) => `${name}${recommended ? ' *' : ''}`)).toEqual(['d2-2', 'c2-7 *', 'b2-7 *', 'b10-7 *', 'b2-15 *']);
  });

  it('are images of Debian 13', () => {
    const image = (name: string, status = 'active') => ({ id: name, name, status, minDisk: 0, minMemory: 0 });
    const all = [image('Debian 13 - Docker'), image('Debian 12'), image('Debian 13'), image('Debian 131'), image('Debian 13 old', 'deactivated'), image('Ubuntu 24.04')];
    expect(fitImages(all).map(({ name }) => name)).toEqual(['Debian 13', 'Debian 13 - Docker']);
  });

  it('are regions, with the one of the OpenRC file first', () => {
    expect(regionChoices(['SBG5', 'GRA11', 'GRA9'])).toEqual(['GRA9', 'GRA11', 'SBG5']);
    expect(regionChoices(['SBG5', 'GRA11', 'GRA9'], 'SBG5')).toEqual(['SBG5', 'GRA9', 'GRA11']);
    expect(regionChoices(['SBG5'], 'GRA9')).toEqual(['SBG5']);
  });
});

describe('near names', () => {
  it('are counted in typing mistakes', () => {
    expect([distance('', ''), distance('abc', 'abc'), distance('abc', 'acb'), distance('abc', 'ab'), distance('', 'abc'), distance('kitten', 'sitting')]).toEqual([0, 0, 1, 1, 3, 3]);
  });

  it.each([
    ['gra 9', ['GRA9', 'GRA11']],
    ['GRA', ['GRA9', 'GRA11']],
    ['EU-WEST-PRA', ['EU-WEST-PAR']],
    ['euwestpar', ['EU-WEST-PAR']],
    ['xyz', []],
    ['', []],
    ['x'.repeat(100_000), []],
  ])('of %s', (typed, near) => {
    expect(nearest(typed, ['SBG5', 'GRA11', 'GRA9', 'EU-WEST-PAR', 'BHS5'])).toEqual(near);
  });
});

-- Keeps the password that KoproGo publishes out of its database, and gives its first administrator one of our own, in one
-- transaction. Run again, it changes nothing.
-- At each start the backend gives the published password to that administrator. The guard lies where every start passes, also
-- one after a reboot that nobody sees. Every schema is named: the output of pg_dump is loaded with an empty search_path.
-- Says "set", "kept", "nobody" (no such user yet) or "absent" (no table yet: the backend has never started).
SET client_min_messages = warning;
SET lock_timeout = '30s';
SET statement_timeout = '100s';
SELECT to_regclass('public.users') IS NULL AS absent \gset
\if :absent
SELECT 'absent';
\q
\endif
BEGIN;
CREATE SCHEMA IF NOT EXISTS koprogo_infra;
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;

-- Whether a hash by bcrypt is of this password. pgcrypto knows only the oldest of the four names that the same hash goes
-- by ($2a), the backend writes another ($2b); for passwords in ASCII they are one. The salt's last character has bits that do not
-- count, so what is compared is what follows it. Anything else than bcrypt fits nothing, before crypt() throws at it.
CREATE OR REPLACE FUNCTION koprogo_infra.password_fits(password text, hash text) RETURNS boolean
  LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  made text;
BEGIN
  IF hash !~ '^[$]2[abxy][$](0[4-9]|[12][0-9]|3[01])[$][./A-Za-z0-9]{53}$' THEN RETURN false; END IF;
  -- Wherever the extension lies: it may have been put into another schema than public.
  EXECUTE format('SELECT %I.crypt($1, $2)', (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pgcrypto'))
    INTO made USING password, '$2a' || substr(hash, 4);
  RETURN right(made, 31) = right(hash, 31);
END
$body$;

-- In "INSERT … ON CONFLICT DO UPDATE" the row goes through here twice: as an INSERT, which leaves the marker in it, and
-- then as an UPDATE to the marker. So both the published password and the marker leave an old hash as it was.
CREATE OR REPLACE FUNCTION koprogo_infra.keep_published_password_out() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  -- Has the form of a hash, so that logging in fails as with any wrong password; nobody knows a password that gives it.
  marker CONSTANT text := '{{marker}}';
BEGIN
  IF NEW.id::text <> '{{id}}' AND lower(NEW.email) <> '{{email}}' THEN RETURN NEW; END IF;
  -- bcrypt is slow on purpose: not for each change of another column.
  IF TG_OP = 'UPDATE' AND (NEW.id, NEW.email, NEW.password_hash) IS NOT DISTINCT FROM (OLD.id, OLD.email, OLD.password_hash) THEN RETURN NEW; END IF;
  IF NEW.password_hash = marker OR koprogo_infra.password_fits('{{published}}', NEW.password_hash) THEN
    IF TG_OP = 'UPDATE' AND NOT koprogo_infra.password_fits('{{published}}', OLD.password_hash) THEN
      NEW.password_hash := OLD.password_hash;
    ELSE
      NEW.password_hash := marker;
    END IF;
  END IF;
  RETURN NEW;
END
$body$;

-- Of every column: a trigger that names some makes a later migration fail that changes their type.
CREATE OR REPLACE TRIGGER koprogo_infra_published_password BEFORE INSERT OR UPDATE ON public.users
  FOR EACH ROW EXECUTE FUNCTION koprogo_infra.keep_published_password_out();
-- Also where a session says that it only replicates.
ALTER TABLE public.users ENABLE ALWAYS TRIGGER koprogo_infra_published_password;

-- A password that somebody chose in the app is neither the published one nor the marker: it stays, unless it was asked otherwise.
-- Ours comes as a row of data: it is in no statement, and so in no log and not in what other sessions see.
SELECT n.nspname AS crypt FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pgcrypto' \gset
CREATE TEMPORARY TABLE given (password text NOT NULL) ON COMMIT DROP;
COPY given FROM STDIN;
{{password}}
\.
WITH admin AS (
  -- By id first: an administrator's address can be changed.
  SELECT id, password_hash FROM public.users WHERE id::text = '{{id}}' OR lower(email) = '{{email}}' ORDER BY id::text <> '{{id}}' LIMIT 1
), changed AS (
  UPDATE public.users u SET password_hash = :"crypt".crypt(given.password, :"crypt".gen_salt('bf', 12)), updated_at = now()
    FROM admin, given
    WHERE u.id = admin.id
      AND ({{reset}} OR u.password_hash = '{{marker}}' OR koprogo_infra.password_fits('{{published}}', u.password_hash))
    RETURNING 1
)
SELECT CASE WHEN EXISTS (SELECT FROM changed) THEN 'set' WHEN EXISTS (SELECT FROM admin) THEN 'kept' ELSE 'nobody' END;
COMMIT;

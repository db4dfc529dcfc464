-- Whether the guard of admin-guard.sql stands as this version writes it, and what it guards; only reads.
-- One line: "admin safe", "admin open" (the published password, or none yet), or "admin unguarded".
SET search_path = pg_catalog, pg_temp;
SET statement_timeout = '100s';
SELECT (SELECT count(*) FROM pg_proc p
    WHERE p.pronamespace = to_regnamespace('koprogo_infra') AND p.proconfig = ARRAY['search_path=pg_catalog, pg_temp']
      AND (p.proname, encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'))
        IN (('password_fits', '{{fitsDigest}}'), ('keep_published_password_out', '{{guardDigest}}'))) = 2
  AND EXISTS (SELECT FROM pg_trigger t
    WHERE t.tgrelid = to_regclass('public.users') AND t.tgenabled = 'A'
      AND pg_get_triggerdef(t.oid) = 'CREATE TRIGGER koprogo_infra_published_password BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION koprogo_infra.keep_published_password_out()')
  AND EXISTS (SELECT FROM pg_extension WHERE extname = 'pgcrypto') AS guarded \gset
\if :guarded
SELECT 'admin ' || CASE WHEN bool_or(password_hash = '{{marker}}' OR koprogo_infra.password_fits('{{published}}', password_hash)) THEN 'open' ELSE 'safe' END
  FROM public.users WHERE id::text = '{{id}}' OR lower(email) = '{{email}}';
\else
SELECT 'admin unguarded';
\endif

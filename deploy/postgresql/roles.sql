-- The roles and the database, made once by a superuser. psql reads the passwords from the environment.
\set ON_ERROR_STOP on
\getenv hearth_owner HEARTH_OWNER_PASSWORD
\getenv hearth_app HEARTH_APP_PASSWORD
\getenv hearth_backup HEARTH_BACKUP_PASSWORD
CREATE ROLE hearth_owner LOGIN PASSWORD :'hearth_owner' NOBYPASSRLS;
CREATE ROLE hearth_app LOGIN PASSWORD :'hearth_app' NOBYPASSRLS CONNECTION LIMIT 200;
CREATE ROLE hearth_backup LOGIN PASSWORD :'hearth_backup' BYPASSRLS;
GRANT pg_read_all_data TO hearth_backup;
-- who names no tenant reaches nothing
ALTER ROLE hearth_app SET hearth.tenant_id = '';
CREATE DATABASE hearth OWNER hearth_owner;
\connect hearth
GRANT USAGE ON SCHEMA public TO hearth_app;
ALTER DEFAULT PRIVILEGES FOR ROLE hearth_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO hearth_app;
ALTER DEFAULT PRIVILEGES FOR ROLE hearth_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO hearth_app;

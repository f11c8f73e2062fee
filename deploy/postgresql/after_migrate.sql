-- After each `hearth migrate`, as a superuser or hearth_owner: nobody who works can rewrite the audit chain.
REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM hearth_app;

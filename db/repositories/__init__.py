"""Plain functions over a session: `session` first, `tenant_id` second, the rest by keyword; none of them commits."""

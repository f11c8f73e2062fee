import time
from datetime import UTC, datetime, timedelta
from sqlalchemy import text
from db import session as sessions
from db.records import *
from db.repositories import backfills, reconciles, tenants
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
D = BackfillDraft(key="k", sha256="0", file_name="f", spool="s", mode="reconcile", policy="overwrite", profile="generic", source={})
def test_big(postgresql_database):
    with sessions.transaction() as s:
        tenants.configure(s, "T1", settings={}, actor="t", now=NOW)
        run = backfills.create(s, "T1", draft=D, chunks=[], now=NOW)[0].backfill_id
        s.execute(text("""insert into leads (tenant_id,lead_id,source_system,external_id,version,status,contactable,observed_at,fields,consent,data_key,contact,custom,stored_at,changed_at)
          select 'T1','L'||g,'crm','x'||g,1,'open',true,now(),'{}','{}',''::bytea,''::bytea,''::bytea,'2026-01-01','2026-01-01' from generate_series(1,100000) g"""))
        s.execute(text("insert into lead_identities select 'T1','crm','x'||g,'L'||g from generate_series(1,100000) g"))
    t=time.time()
    for start in range(1,95001,1000):
        with sessions.transaction() as s:
            reconciles.note(s,"T1",backfill_id=run,rows=[Compared(what="unchanged",lead_id=f"L{i}",source_system="crm",external_id=f"x{i}",line=i) for i in range(start,start+1000)])
    print("note per 1000", (time.time()-t)/95)
    with sessions.transaction() as s:
        t=time.time(); reconciles.find_deleted(s,"T1",backfill_id=run,systems=["crm"],stored_before=NOW,created_before=NOW); print("find",time.time()-t)
        t=time.time(); print(reconciles.counts(s,"T1",backfill_id=run), time.time()-t)
        t=time.time(); print(reconciles.archive(s,"T1",backfill_id=run), "archive", time.time()-t)
        t=time.time(); backfills.finish(s,"T1",backfill_id=run,state="finished",summary={},error=None,error_file=None,now=NOW); print("finish",time.time()-t)

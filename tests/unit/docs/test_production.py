"""docs/production.md shows the files of deploy/ as they are, and the programs that read them find no fault."""

import importlib.util
import re
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.markdown import blocks

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
UNITS = [path for path in sorted((DEPLOY / "systemd").iterdir()) if path.suffix in {".service", ".target"}]
SERVICES = [path for path in UNITS if path.suffix == ".service"]
SHOWN = (
    *("redis/redis.conf", "redis/users.acl", "postgresql/roles.sql", "postgresql/after_migrate.sql"),
    *("systemd/hearth.env", "nginx/hearth.conf"),
)


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_shows_the_file(name):
    assert (DEPLOY / name).read_text().strip() in [block.text.strip() for block in blocks(PAGE)]


def test_every_command_that_the_page_names_in_deploy_is_there():
    named = set(re.findall(r"\bdeploy/[\w./*@-]+", PAGE))
    assert not [name for name in named if not any(ROOT.glob(name.rstrip(".")))]


def test_redis_reads_no_comment_behind_a_setting_and_none_among_users():
    assert not [line for line in (DEPLOY / "redis/redis.conf").read_text().splitlines() if "#" in line.lstrip("#")]
    assert all(line.startswith("user ") for line in (DEPLOY / "redis/users.acl").read_text().splitlines())


def test_every_password_has_its_place_and_is_in_no_file():
    made = set(re.findall(r"for name in ([\w ]+); do", PAGE)[0].split()) | {"admin", "worker", "flower", "producer"}
    asked = {name for path in (DEPLOY / "systemd").glob("*.env") for name in re.findall(r"<(\w+)>", path.read_text())}
    assert asked == {"worker", "hearth_app", "flower", "flower_login"}
    assert asked <= made


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_unit_runs_what_there_is(path):
    text = path.read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", text, flags=re.MULTILINE)
    for module in re.findall(r"(?:-m|-A) (workers[\w.]+)", command):
        assert importlib.util.find_spec(module), module
    assert "User=hearth" in text
    assert "Restart=always" in text


def test_workers_read_each_queue_once_as_in_the_procfile():
    def queues(text):
        return sorted(queue for told in re.findall(r"--queues ([\w,]+)", text) for queue in told.split(","))

    files = sorted((DEPLOY / "systemd" / "worker").glob("*.env"))
    assert queues("\n".join(path.read_text() for path in files)) == queues((ROOT / "Procfile").read_text())
    enabled = re.findall(r"hearth-worker@\{([\w,]+)\}", PAGE)[0].split(",")
    assert sorted(enabled) == [path.stem for path in files]


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.sh")), ids=lambda path: path.name)
def test_a_script_can_be_run_and_read(path):
    assert path.stat().st_mode & stat.S_IXUSR
    shell = "bash" if "bash" in path.read_text().splitlines()[0] else "sh"
    if shutil.which(shell):
        assert subprocess.run([shell, "-n", path], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("args", [(), ("a", "b", "c"), ("-x;y",)])
@pytest.mark.parametrize("name", ["redis/certificates.sh", "redis/password.sh", "fill.sh"])
@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not on PATH")
def test_a_script_refuses_wrong_use(name, args, tmp_path):
    # nowhere to write to, should it go on
    env = {"PATH": "/usr/bin:/bin", "REDIS_ACL": "/dev/null/x", "REDIS_TLS": "/dev/null/x", "HEARTH_CA": "/dev/null/x"}
    told = subprocess.run([DEPLOY / name, *args], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert told.stderr
    assert not told.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on PATH")
def test_systemd_finds_no_fault_in_the_units(tmp_path):
    for path in UNITS:
        text = path.read_text().replace("/opt/hearth/.venv/bin/", f"{Path(sys.executable).parent}/")
        (tmp_path / path.name).write_text(text)
    command = ["systemd-analyze", "verify", *sorted(map(str, tmp_path.iterdir()))]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not on PATH")
def test_nginx_finds_no_fault_in_its_configuration(tmp_path):
    _certificate(tmp_path)
    site = (DEPLOY / "nginx" / "hearth.conf").read_text().replace("/etc/nginx/tls", str(tmp_path))
    (tmp_path / "site.conf").write_text(site)
    kept = "".join(
        f"{what}_temp_path {tmp_path}/{what}; " for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {kept}include {tmp_path}/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(whole)
    command = ["nginx", "-t", "-p", str(tmp_path), "-e", str(tmp_path / "log"), "-c", str(tmp_path / "nginx.conf")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "test is successful" in told.stderr, told.stderr
    assert "[warn]" not in told.stderr


def _certificate(folder):
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    pem = serialization.Encoding.PEM
    (folder / "hearth.crt").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "hearth.key").write_bytes(private)

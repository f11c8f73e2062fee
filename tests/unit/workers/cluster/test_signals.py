"""Signals of the runner."""

import os
import signal
import threading

import pytest

from workers.cluster.signals import Signals


@pytest.fixture
def haste():
    return threading.Event()


@pytest.fixture
def signals(haste):
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    taken = Signals(haste.set)
    taken.install()
    yield taken
    taken.restore()
    assert {signum: signal.getsignal(signum) for signum in before} == before


def test_ctrl_c_is_a_keyboard_interrupt(signals):
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_the_others_exit_with_their_number(signals, signum):
    with pytest.raises(SystemExit) as left:
        os.kill(os.getpid(), signum)
    assert left.value.code == 128 + signum


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_during_the_stop_they_hasten(signals, haste, signum):
    signals.stopping()
    os.kill(os.getpid(), signum)
    assert haste.wait(5)


def test_nohup_is_honoured():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    taken = Signals(lambda: None)
    try:
        taken.install()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        taken.restore()
        signal.signal(signal.SIGHUP, before)


def test_other_threads_take_no_signals():
    taken = Signals(lambda: None)
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=taken.install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before

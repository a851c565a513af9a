"""What is covered, what is shown again, and in which order."""

from pathlib import Path

import pytest

from loopback.sandbox.plan import Cover, Mount, Plan, Show, hidden_folders, holders, plan, rest, show_paths, split_plan

STATE = "/home/ana/p/.slipway/local"
OWN = Show("/own", "/own", writable=True)


def seen(path: str) -> Show:
    return Show(path, path)


@pytest.mark.parametrize(
    ("hidden", "shows", "mounts"),
    [
        (["/home"], [], [Cover("/home")]),
        (["/home", STATE], [], [Cover("/home")]),  # nothing of it is left to hide
        (["/home"], [seen("/usr")], [Cover("/home")]),  # nothing hides it
        (["/home"], [seen("/home/ana/p/.venv")], [Cover("/home"), seen("/home/ana/p/.venv")]),
        (["/home", STATE], [seen("/home/ana/p")], [Cover("/home"), seen("/home/ana/p"), Cover(STATE)]),
        ([STATE], [seen("/home/ana/p")], [Cover(STATE)]),
        (["/s"], [Show("/s/jobs/a", "/s/jobs/a", True)], [Cover("/s"), Show("/s/jobs/a", "/s/jobs/a", True)]),
        (["/s"], [Show("/opt/ml", "/s/jobs/a/ml", True)], [Cover("/s"), Show("/opt/ml", "/s/jobs/a/ml", True)]),
        (["/s"], [OWN, seen("/own/lib")], [OWN, Cover("/s"), seen("/own/lib")]),
    ],
)  # fmt: skip
def test_plan(hidden: list[str], shows: list[Show], mounts: list[Mount]) -> None:
    assert list(plan(hidden, shows)) == mounts


def test_a_second_plan_does_again_what_new_mounts_lie_over() -> None:
    first = plan(["/state"], [seen("/tmp/venv"), seen("/state/x")])
    whole = plan(["/state"], [seen("/tmp/venv"), seen("/state/x"), Show("/tmp", "/state/jobs/a/tmp", True)])
    assert first == (Cover("/state"), seen("/state/x"))
    assert rest(first, whole) == (Show("/tmp", "/state/jobs/a/tmp", True), seen("/tmp/venv"))
    assert rest(first, first) == ()


def test_rooms_have_all_but_what_is_fresh_in_common() -> None:
    whole = plan(["/home"], [seen("/home/ana/p/.venv"), seen(f"{STATE}/sdk.yaml")], [STATE])
    common, own = split_plan(whole)
    assert common == (Cover("/home"), seen("/home/ana/p/.venv"))
    assert own == (Cover(STATE, fresh=True), seen(f"{STATE}/sdk.yaml"))


def test_covers_that_have_to_take_names() -> None:
    job = Show(f"{STATE}/jobs/a", f"{STATE}/jobs/a", writable=True)
    whole = plan(["/home", "/root"], [seen("/home/ana/torch"), job, Show("/opt/ml", f"{job.path}/ml", True)], [STATE])
    assert holders(whole, [job]) == (Cover(STATE, fresh=True),)
    assert holders(whole, [seen("/home/ana/torch"), job]) == (Cover("/home"), Cover(STATE, fresh=True))
    assert holders(whole, [Show("/opt/ml", f"{job.path}/ml", True)]) == ()


def test_everybodys_homes_are_hidden_and_the_system_is_not() -> None:
    assert set(hidden_folders("/", ["/srv/state"])) > {"/home", "/root", "/run", "/srv/state"}
    found: set[str] = set(hidden_folders("/usr", []))
    assert not found & {"/", "/usr", "/etc", "/opt", "/proc"}


def test_what_a_link_leads_to_is_shown_at_both_places(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    real = str(tmp_path / "real")
    assert show_paths([str(tmp_path / "link")]) == (Show(real, real), Show(str(tmp_path / "link"), real))


def test_the_order_is_outer_before_inner() -> None:
    found: Plan = plan(["/a/b/c", "/a", "/z"], [seen("/a/b"), seen("/a/b/c/d/e")])
    assert [mount.path for mount in found] == ["/a", "/z", "/a/b", "/a/b/c", "/a/b/c/d/e"]

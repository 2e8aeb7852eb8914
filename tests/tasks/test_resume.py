"""What is taken up again is the newest that is whole, or nothing; never a guess."""

from omegaconf import OmegaConf

from selfsup.checkpoint import finished, read_checkpoint


def begin(folder, cfg):
    """A run folder as a killed training leaves it before its first checkpoint."""
    folder.mkdir()
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))


def test_a_run_that_never_saved_starts_at_its_first_step(tiny, compose, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begin(tmp_path / "run", compose(*tiny, "trainer.max_epochs=1"))
    (tmp_path / "run" / "checkpoint").mkdir()
    (tmp_path / "run" / "checkpoint" / "000001.ckpt").write_bytes(b"killed before its manifest")
    ended = selfsup("task=resume", "task.run=run")
    assert ended.code == 0, ended.err
    assert "no checkpoint was finished there; training from the first step" in ended.out + ended.err
    assert read_checkpoint(tmp_path / "run")["global_step"] == 5

    (newest,) = finished(tmp_path / "run")
    newest.write_bytes(newest.read_bytes()[:-1])
    ended = selfsup("task=resume", "task.run=run")
    assert ended.code == 1
    assert f"{newest.name}: damaged: it has" in ended.err
    assert "Traceback" not in ended.err

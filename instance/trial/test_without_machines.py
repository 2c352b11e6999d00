"""What can be tried of the servers without a machine: `python3 -m unittest discover instance/trial`."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

# All parts, so that the page is held against every scenario.
import failures  # noqa: F401
import importer
import kills  # noqa: F401
import kinds  # noqa: F401
import scenarios


class Words(unittest.TestCase):
    def test_the_templates_have_the_user_data_that_are_tried(self):
        scenarios.templates_agree(None)

    def test_the_page_has_every_step_and_every_scenario(self):
        scenarios.page_is_true(None)


class Importer(unittest.TestCase):
    """Scalelite's, as we read it: what it takes, and what it would stumble over for ever."""

    ID = "da39a3ee5e6b4b0d3255bfef95601890afd80709-1777000000000"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.spool, self.played = self.folder / "spool", self.folder / "played"
        self.spool.mkdir()

    def archive(self, metadata: str | None, form: str = "presentation") -> None:
        """As hand_over.rb packs it."""
        source = self.folder / "published" / form / self.ID
        source.mkdir(parents=True, exist_ok=True)
        (source / "slides.svg").write_text("<svg/>")
        if metadata is not None:
            (source / "metadata.xml").write_text(metadata)
        target = self.spool / f"{self.ID}-{form}.tar"
        command = ["tar", "--create", "--file", target, "--directory", self.folder / "published", f"{form}/{self.ID}"]
        subprocess.run(command, check=True)

    def test_each_format_is_an_archive_of_its_own(self):
        for form in ("presentation", "video"):
            self.archive(scenarios.metadata_of(self.ID, form), form)
        # What is being written is not looked at.
        (self.spool / f".{self.ID}-podcast.tar.part").write_text("half")
        taken = importer.import_all(self.spool, self.played)
        self.assertEqual([one.format for one in taken], ["presentation", "video"])
        self.assertEqual(taken[0].thumbnails, (f"/presentation/{self.ID}/thumb-1.png",))
        self.assertTrue((self.played / "video" / self.ID / "slides.svg").is_file())
        self.assertEqual([one.name for one in self.spool.iterdir()], [f".{self.ID}-podcast.tar.part"])

    def test_one_that_comes_twice_takes_its_own_place(self):
        self.archive(scenarios.metadata_of(self.ID, "presentation"))
        importer.import_all(self.spool, self.played)
        self.archive(scenarios.metadata_of(self.ID, "presentation"))
        self.assertEqual(len(importer.import_all(self.spool, self.played)), 1)

    def test_what_scalelite_would_stumble_over(self):
        whole = scenarios.metadata_of(self.ID, "presentation")
        for metadata in (
            None,
            whole.replace(f"<id>{self.ID}</id>", "<id>another</id>"),
            whole.replace("<format>presentation</format>", "<format>video</format>"),
            whole.replace("<meetingId>lesson</meetingId>", ""),
            whole.replace("<link>", "<ref>").replace("</link>", "</ref>"),
            whole.replace("<state>published</state>", "<state>lost</state>"),
        ):
            with self.subTest(metadata), self.assertRaises(importer.Stumbles):
                for left in (self.folder / "published").rglob("metadata.xml"):
                    left.unlink()
                self.archive(metadata)
                importer.import_all(self.spool, self.played)
            self.assertTrue(list(self.spool.glob("*.tar")), "what failed stays")


if __name__ == "__main__":
    unittest.main()

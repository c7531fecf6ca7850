#!/usr/bin/env python3
"""The layer check finds what it is there to find."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import check_layers  # noqa: E402


class CheckLayers(unittest.TestCase):
    def breaches_of(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return check_layers.find_breaches(Path(folder))

    def test_allowed_uses_pass(self):
        self.assertEqual([], self.breaches_of({
            "core/a.h": "#include <string>\n#include \"core/b.h\"\n",
            "worker/lac/x.cpp": "#include \"worker/models/m.h\"\n#include <ATen/ATen.h>\n",
            "apps/main.cpp": "#include \"worker/engine/e.h\"\n#include \"results/r.h\"\n",
            "orchestrator/mpi_channel.cpp": "#include <mpi.h>\n"}))

    def test_upward_and_sideways_uses_are_found(self):
        self.assertEqual(1, len(self.breaches_of({"core/a.h": "#include \"results/r.h\"\n"})))
        self.assertEqual(1, len(self.breaches_of({"worker/serve/w.cpp": "#include \"results/r.h\"\n"})))
        self.assertEqual(1, len(self.breaches_of({"worker/nn/n.h": "# include \"worker/models/m.h\"\n"})))
        self.assertEqual(1, len(self.breaches_of({"results/r.h": "#include \"tests/t.h\"\n"})))

    def test_libraries_stay_at_home(self):
        self.assertEqual(1, len(self.breaches_of({"analysis/a.cpp": "#include <hdf5.h>\n"})))
        self.assertEqual(1, len(self.breaches_of({"worker/tokenizer/t.cpp": "#include <ATen/ATen.h>\n"})))
        self.assertEqual(1, len(self.breaches_of({"worker/nn/n.cpp": "#include <cuda_runtime.h>\n"})))
        self.assertEqual(1, len(self.breaches_of({"worker/nn/cuda/k.cu": "#include \"worker/lac/l.h\"\n"})))
        self.assertEqual(1, len(self.breaches_of({"orchestrator/a.cpp": "#include <mpi.h>\n",
                                                  "orchestrator/b.cpp": "#include <mpi.h>\n"})))


if __name__ == "__main__":
    unittest.main()

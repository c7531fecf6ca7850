"""docs/configuration.md names every key that core/experiment_yaml.cpp reads, and no other. usage: ... ROOT"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
source = (root / "core/experiment_yaml.cpp").read_text()
# ConfigSection section(NODE, "lac", {"alphas", ...}): the name of the section and its keys.
sections = re.findall(r"ConfigSection section\(\s*(?:root\.require\(.*?\)|[*\w]+), (\"[^\"]*\"|path),\s*\{(.*?)\}\)", source,
                      re.DOTALL)
keys = set()
for name, listed in sections:
    names = re.findall(r'"(\w+)"', listed)
    prefix = name.strip('"')
    if prefix == "path":  # an element of one of the two lists
        prefix = "models[]" if len(names) == 2 else "benchmarks[]"
    keys |= {f"{prefix}.{key}" if prefix else key for key in names}
keys -= {"lac", "generation", "compute", "store"}
documented = set(re.findall(r"^\| `([^`]+)` \|", (root / "docs/configuration.md").read_text(), re.MULTILINE))
assert len(keys) > 30, f"the source is not understood: {keys}"
for key in sorted(keys - documented):
    print(f"not documented: {key}")
for key in sorted(documented - keys):
    print(f"documented, but no such key: {key}")
sys.exit(keys != documented)

// Makes the small made-up run of tests/results/synthetic_run.h in a folder, with its parts in another order
// than the plan, for tests in Python: make_synthetic_run FOLDER.
#include <algorithm>
#include <cstdio>

#include "tests/results/synthetic_run.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_synthetic_run FOLDER\n");
    return 2;
  }
  lacuna::testing::SyntheticRun made(argv[1], 40);
  made.config.benchmarks[0].scoring = {lacuna::Scoring::kGenerate, lacuna::Scoring::kLoglik};
  made.write_manifest_file();
  std::vector<std::size_t> order = made.all_units();
  std::reverse(order.begin(), order.end());
  made.write_parts(order);
  return 0;
}

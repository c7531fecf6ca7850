// Where a worker stands among the workers of its node.
#pragma once

#include <cstdint>

namespace lacuna {

struct NodePlace {
  std::int64_t local_worker = 0;  // from 0
  std::int64_t local_workers = 1;
  std::int64_t workers_on_same_cores = 1;  // this one included
};

}  // namespace lacuna

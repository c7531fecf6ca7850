// The scheduler against a simulated cluster: as many workers as one likes, hours in seconds.
#pragma once

#include <cstdint>

namespace lacuna {

struct ClusterShape {
  std::int64_t workers = 1024;
  std::int64_t models = 3;
  std::int64_t units_per_worker = 600;
  double unit_seconds = 10;     // median of a log-normal distribution
  double tail_sigma = 0.6;      // its width: the slowest of 1,000 units takes 6 medians
  double loading_seconds = 60;  // of a model
  // Share of units during which the engine dies, half of them done; it is up again at once, without a model.
  double engine_deaths = 0.001;
  // Share of units during which the rank itself falls silent for good (its node is lost).
  double lost_ranks = 0.00001;
  double heartbeat_seconds = 0.5;  // between a busy worker's signs of life
  double message_seconds = 20e-6;  // the coordinator's time for one message; bench/message_rate measures it
  double reply_seconds = 5e-3;     // until a worker sees what the coordinator sent
};

struct ClusterReport {
  double hours = 0;              // until the last unit was done
  double busy_share = 0;         // of the workers' time: computing or loading
  double computing_share = 0;    // of the workers' time: computing units that counted
  double steady_busy_share = 0;  // as busy_share, until the first worker found no unit left
  double coordinator_share = 0;  // of the coordinator's time: handling messages
  std::int64_t units = 0;
  std::int64_t messages = 0;  // to and from the coordinator, signs of life included
  std::int64_t loadings = 0;  // of models, by all workers together
  std::int64_t retried_units = 0;
  std::int64_t lost_workers = 0;
  bool each_unit_once = false;
};

// Runs a sweep to its end. Deterministic: equal shapes give equal reports.
ClusterReport simulate_cluster(const ClusterShape& shape, std::uint64_t seed);

}  // namespace lacuna

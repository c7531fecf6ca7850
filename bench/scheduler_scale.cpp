// Prints the table of docs/scale.md: how busy the scheduler keeps simulated workers. usage: scheduler_scale
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "bench/simulated_cluster.h"

namespace {

void print_row(const lacuna::ClusterShape& shape) {
  const auto start = std::chrono::steady_clock::now();
  const lacuna::ClusterReport r = lacuna::simulate_cluster(shape, 1);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print(
      "| {:>7} | {:>6} | {:>9} | {:>6.2f} | {:>6.2f} | {:>6.2f} | {:>9.2f} | {:>8} | {:>7} | {:>4} | "
      "{:>11.2f} | {:>4} |\n",
      shape.workers, shape.unit_seconds, r.units, r.hours, 100 * r.busy_share, 100 * r.steady_busy_share,
      100 * r.computing_share, r.loadings, r.retried_units, r.lost_workers, 100 * r.coordinator_share,
      r.each_unit_once ? "yes" : "NO");
  std::fflush(stdout);
  fmt::print(stderr, "simulated in {:.1f} s\n", seconds);
}

}  // namespace

int main() {
  fmt::print(
      "| workers | unit s | units | hours | busy % | before the end % | computing % | loadings | retried | "
      "lost | "
      "coordinator % | each unit once |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--|\n");
  for (const std::int64_t workers : {64, 1024, 10000}) {
    for (const double unit_seconds : {1.0, 10.0, 60.0}) {
      lacuna::ClusterShape shape;
      shape.workers = workers;
      shape.unit_seconds = unit_seconds;
      shape.units_per_worker = unit_seconds < 10 ? 2000 : unit_seconds < 60 ? 600 : 200;
      if (workers == 10000)
        shape.units_per_worker /= 4;  // the simulation's memory, not the scheduler's limit
      print_row(shape);
    }
  }
  return 0;
}

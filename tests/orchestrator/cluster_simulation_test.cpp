// How busy the scheduler keeps many workers; bench/scheduler_scale prints the whole table of docs/scale.md.
#include <gtest/gtest.h>

#include "bench/simulated_cluster.h"

namespace lacuna {
namespace {

TEST(SimulatedCluster, AThousandWorkersAreBusy) {
  ClusterShape shape;
  shape.workers = 1024;
  shape.unit_seconds = 10;
  shape.units_per_worker = 500;
  const ClusterReport report = simulate_cluster(shape, 1);
  EXPECT_TRUE(report.each_unit_once);
  EXPECT_GT(report.busy_share, 0.97);
  EXPECT_GT(report.steady_busy_share, 0.98);
  EXPECT_LT(report.coordinator_share, 0.1);
  EXPECT_GT(report.retried_units, 0) << "engines died";
  EXPECT_GT(report.lost_workers, 0) << "ranks were lost";
}

TEST(SimulatedCluster, EqualSeedsGiveEqualReports) {
  ClusterShape shape;
  shape.workers = 50;
  shape.units_per_worker = 20;
  const ClusterReport a = simulate_cluster(shape, 3);
  const ClusterReport b = simulate_cluster(shape, 3);
  EXPECT_EQ(a.hours, b.hours);
  EXPECT_EQ(a.busy_share, b.busy_share);
  EXPECT_NE(a.hours, simulate_cluster(shape, 4).hours);
}

}  // namespace
}  // namespace lacuna

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "bench/benchmark_run.h"
#include "bench/stopwatch.h"

namespace lacuna {
namespace {

struct NamedProduct {
  std::string name;
  const Linear& linear;
};

// One product by one way to compute it, the least disturbed of some times.
double time_product(const at::Device& device, std::int64_t repetitions, const std::function<void()>& work) {
  work();  // warms up
  Timings timings;
  for (std::int64_t i = 0; i < 4 * repetitions; ++i) timings.seconds.push_back(time_once(device, work));
  return timings.best();
}

void measure_product(const BenchmarkRun& run, const NamedProduct& product, std::int64_t rows) {
  const at::NoGradGuard no_grad;
  const at::Tensor& weight = product.linear.weight;
  const at::Device device = weight.device();
  const at::Tensor x = at::ones({rows, weight.size(1)}, weight.options());
  run.meter.sample();
  const double ours =
      time_product(device, run.repetitions, [&] { static_cast<void>(product.linear.forward(x)); });
  const double library =
      time_product(device, run.repetitions, [&] { at::linear(x, weight, product.linear.bias); });
  const auto weights = static_cast<double>(weight.numel());
  const double flops = 2 * weights * static_cast<double>(rows);
  const double reading =
      weights * static_cast<double>(weight.element_size()) / run.meter.best().read_bytes_per_second;
  const double computing = flops / run.meter.best().flops_per_second;
  constexpr double kGiga = 1e9;
  run.report(
      {.group = "products",
       .name = fmt::format("{}, {} rows (LibTorch {:.0f})", product.name, rows, flops / library / kGiga),
       .value = flops / ours / kGiga,
       .unit = "GFLOP/s",
       .bound = FigureBound{reading > computing ? "memory read" : "matrix rate",
                            flops / std::max(reading, computing) / kGiga},
       .details = {{"seconds_best", ours}, {"library_seconds_best", library}, {"rows", rows}}});
}

}  // namespace

void measure_products(const BenchmarkRun& run) {
  const NamedProduct products[] = {{"output head", run.model.head},
                                   {"gate", run.model.layers.front().mlp.gate},
                                   {"down", run.model.layers.front().mlp.down}};
  for (const NamedProduct& product : products) {
    for (const std::int64_t rows : {1, 4, 8, 32, 128, 512}) {
      if (run.quick && rows > 32) continue;
      measure_product(run, product, rows);
    }
  }
}

}  // namespace lacuna

// Repeated timing of work on any device.
#pragma once

#include <ATen/ATen.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

namespace lacuna {

// Waits until the device has done all work that it was given (in the one stream that is used here). On the
// CPU nothing is outstanding.
inline void wait_for_device(const at::Device& device) {
  if (device.is_cpu()) return;
  // A copy to the host waits for what was queued before it; the call is the same in all releases of LibTorch.
  static_cast<void>(at::zeros({1}, at::TensorOptions().device(device)).to(at::kCPU));
}

// Wall-clock seconds that `work` takes on that device.
inline double time_once(const at::Device& device, const std::function<void()>& work) {
  wait_for_device(device);
  const auto start = std::chrono::steady_clock::now();
  work();
  wait_for_device(device);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Times of the same work, done several times.
struct Timings {
  std::vector<double> seconds;
  // The least disturbed one: what the machine can do. Others' load can only add to it.
  [[nodiscard]] double best() const;
  [[nodiscard]] double median() const;
};

// How often something is timed: `least` times, and what is short more often, to meet an undisturbed moment:
// until it took `enough_seconds` in all, but at most `most` times.
struct RepetitionRule {
  std::int64_t least = 5;
  double enough_seconds = 0.5;

  [[nodiscard]] std::int64_t most() const { return 8 * least; }
  [[nodiscard]] bool wants_more(const Timings& timings) const;
};

// Times of `work` by that rule, after once to warm up.
Timings time_repeatedly(const at::Device& device, const RepetitionRule& rule,
                        const std::function<void()>& work);

}  // namespace lacuna

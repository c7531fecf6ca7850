#include "apps/sweep/run_pulse.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "core/error.h"
#include "orchestrator/stop_signals.h"

namespace lacuna {
namespace {

constexpr std::chrono::seconds kInterval{1};

}  // namespace

KeepAlive make_run_pulse(const std::filesystem::path& run_directory) {
  using Clock = std::chrono::steady_clock;
  return [run_directory, last = Clock::time_point()]() mutable {
    if (const auto signal = take_stop_signal()) {
      throw Error(ExitCode::kInterrupted, {.problem = fmt::format("stopped by {}", *signal),
                                           .suggestion = "the same command resumes"});
    }
    if (Clock::now() - last < kInterval) return;
    last = Clock::now();
    std::error_code ignored;
    std::filesystem::last_write_time(run_directory, std::filesystem::file_time_type::clock::now(), ignored);
  };
}

}  // namespace lacuna

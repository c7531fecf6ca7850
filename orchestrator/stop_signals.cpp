#include "orchestrator/stop_signals.h"

#include <array>
#include <atomic>
#include <csignal>

namespace lacuna {
namespace {

struct StopSignal {
  int number;
  const char* name;
};

constexpr std::array<StopSignal, 3> kSignals = {StopSignal{SIGTERM, "SIGTERM"}, StopSignal{SIGINT, "SIGINT"},
                                                StopSignal{SIGUSR1, "SIGUSR1"}};

// A handler may touch nothing but lock-free atomics.
std::array<std::atomic<int>, kSignals.size()> pending_counts{};
static_assert(std::atomic<int>::is_always_lock_free);

void remember(int number) {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    if (kSignals[i].number == number) ++pending_counts[i];
  }
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const StopSignal& signal : kSignals) sigaction(signal.number, &action, nullptr);
}

std::optional<std::string> take_stop_signal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    int count = pending_counts[i].load();
    while (count > 0 && !pending_counts[i].compare_exchange_weak(count, count - 1)) {
    }
    if (count > 0) return kSignals[i].name;
  }
  return std::nullopt;
}

}  // namespace lacuna

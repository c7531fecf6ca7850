// A block of CUDA threads played by threads of the CPU, so that the kernels' bodies run, and sanitizers see
// them run, where there is no GPU.
#pragma once

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "worker/nn/cuda/block.h"

namespace lacuna::cuda {

// What the threads of a block share. Teams are smaller than CUDA's: there are few threads.
class EmulatedSharedState {
 public:
  static constexpr int kTeam = 8;

  // Behind the scratch lies one vector that nobody may touch.
  EmulatedSharedState(int threads, int scratch)
      : threads_(threads),
        all_(threads),
        exchanged_(static_cast<std::size_t>(threads)),
        scratch_((static_cast<std::size_t>(scratch) + 3) / 4 + 1) {
    for (int team = 0; team < threads / kTeam; ++team)
      teams_.push_back(std::make_unique<std::barrier<>>(kTeam));
    scratch_.back().floats[0] = kUntouched;
    forget_scratch();
  }

  [[nodiscard]] int threads() const { return threads_; }
  void synchronize() { all_.arrive_and_wait(); }
  float* scratch() { return scratch_.front().floats; }
  // As another block leaves it: whoever reads what nobody wrote gets NaN.
  void forget_scratch() {
    std::for_each(scratch_.begin(), scratch_.end() - 1,
                  [](Vector& vector) { std::fill_n(vector.floats, 4, std::nanf("")); });
  }
  [[nodiscard]] bool is_end_untouched() const { return scratch_.back().floats[0] == kUntouched; }

  // `combine` over the values of a thread's team, in the order of its threads.
  template <class Combine>
  float exchange(int thread, float value, const Combine& combine) {
    std::barrier<>& team = *teams_[static_cast<std::size_t>(thread / kTeam)];
    exchanged_[static_cast<std::size_t>(thread)] = value;
    team.arrive_and_wait();
    const float* const values = &exchanged_[static_cast<std::size_t>(thread / kTeam * kTeam)];
    float combined = values[0];
    for (int i = 1; i < kTeam; ++i) combined = combine(combined, values[i]);
    team.arrive_and_wait();
    return combined;
  }

 private:
  static constexpr float kUntouched = -77.0F;
  struct alignas(16) Vector {
    float floats[4];
  };

  int threads_;
  std::barrier<> all_;
  std::vector<std::unique_ptr<std::barrier<>>> teams_;
  std::vector<float> exchanged_;
  std::vector<Vector> scratch_;
};

// A thread's view of its block.
class EmulatedBlock {
 public:
  static constexpr int kTeam = EmulatedSharedState::kTeam;

  EmulatedBlock(EmulatedSharedState& state, int thread) : state_(&state), thread_(thread) {}

  [[nodiscard]] int thread() const { return thread_; }
  [[nodiscard]] int threads() const { return state_->threads(); }
  void synchronize() { state_->synchronize(); }
  float* shared() { return state_->scratch(); }
  float add_over_team(float value) {
    return state_->exchange(thread_, value, [](float a, float b) { return a + b; });
  }
  float find_largest_of_team(float value) {
    return state_->exchange(thread_, value, [](float a, float b) { return std::fmax(a, b); });
  }

 private:
  EmulatedSharedState* state_;
  int thread_;
};

static_assert(KernelBlock<EmulatedBlock>);

// Runs blocks (x, y) of `threads` threads, one after another. Whether none wrote behind its scratch.
template <class Body>
bool run_emulated(const Body& body, int threads, std::int64_t rows, int columns) {
  EmulatedSharedState state(threads, body.count_scratch(threads));
  const auto run_thread = [&](int thread) {
    EmulatedBlock block(state, thread);
    for (std::int64_t x = 0; x < rows; ++x) {
      for (int y = 0; y < columns; ++y) {
        body(block, x, y);
        state.synchronize();
        if (thread == 0) state.forget_scratch();
        state.synchronize();
      }
    }
  };
  std::vector<std::thread> running;
  for (int thread = 0; thread < threads; ++thread) running.emplace_back(run_thread, thread);
  for (std::thread& thread : running) thread.join();
  return state.is_end_untouched();
}

}  // namespace lacuna::cuda

// The threads that run a kernel's body together: on a GPU a block of CUDA (cuda_block.cuh), in the tests
// threads of the CPU (tests/worker/nn/cuda/emulated_block.h). Bodies are templates over it, so that what runs
// on a GPU is what the tests have seen.
#pragma once

#include <concepts>

#if defined(__CUDACC__)
#define LACUNA_KERNEL_BODY __device__ __forceinline__
#define LACUNA_PRAGMA(text) _Pragma(#text)
#define LACUNA_UNROLL LACUNA_PRAGMA(unroll)
#define LACUNA_UNROLL_BY(count) LACUNA_PRAGMA(unroll count)
#else
#define LACUNA_KERNEL_BODY inline
#define LACUNA_UNROLL
#define LACUNA_UNROLL_BY(count)
#endif

namespace lacuna::cuda {

// A block holds `threads()` threads, a multiple of kTeam; kTeam neighbours are a team (a warp). What is
// written before synchronize() is seen by all threads after it; all of them call it, as all of a team call
// add_over_team and find_largest_of_team, and each gets the result. `shared()` are the floats that the body's
// count_scratch asks for, aligned to 16 bytes and holding anything.
template <class B>
concept KernelBlock = requires(B& block, float value) {
  { B::kTeam } -> std::convertible_to<int>;
  { block.thread() } -> std::same_as<int>;
  { block.threads() } -> std::same_as<int>;
  {block.synchronize()};
  { block.add_over_team(value) } -> std::same_as<float>;
  { block.find_largest_of_team(value) } -> std::same_as<float>;
  { block.shared() } -> std::same_as<float*>;
};

// The sum of all threads' values, the same for each of them; takes a float of scratch for every team.
template <KernelBlock Block>
LACUNA_KERNEL_BODY float add_over_block(Block& block, float value) {
  const float team_sum = block.add_over_team(value);
  float* const team_sums = block.shared();
  if (block.thread() % Block::kTeam == 0) team_sums[block.thread() / Block::kTeam] = team_sum;
  block.synchronize();
  float sum = 0;
  for (int team = 0; team < block.threads() / Block::kTeam; ++team) sum += team_sums[team];
  return sum;
}

}  // namespace lacuna::cuda

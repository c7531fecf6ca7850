#include "worker/nn/compute_threads.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <dlfcn.h>
#include <omp.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>

namespace lacuna {
namespace {

// About 0.1 ms of one core.
constexpr std::int64_t kLeastSharedWork = std::int64_t{1} << 23U;

// While it lives, the calling thread does everything alone: ATen's own loops and OpenMP regions of libraries.
class SerialRegion {
 public:
  SerialRegion() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SerialRegion() { omp_set_num_threads(threads_); }
  SerialRegion(const SerialRegion&) = delete;
  SerialRegion& operator=(const SerialRegion&) = delete;

 private:
  int threads_;
};

}  // namespace

void set_compute_threads(std::int64_t threads) {
  at::set_num_threads(static_cast<int>(std::max<std::int64_t>(1, threads)));
#if defined(__GLIBC__)
  // A pass frees and asks for tensors of the same sizes over and over; by default each large one goes back to
  // the kernel and comes as pages to be cleared, a fifth of the time of a prompt pass. 32 MiB is glibc's
  // maximum.
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_MAX, 0);
#endif
  // Debian's LibTorch calls OpenBLAS through the BLAS interface and does not set its thread count. Other
  // builds (MKL) have no such symbol and follow at::set_num_threads.
  using SetThreads = void (*)(int);
  if (const auto set_blas_threads =
          reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) {
    set_blas_threads(1);
  }
}

void run_tiles(const at::Device& device, std::int64_t tiles, std::int64_t multiply_adds,
               const std::function<void(std::int64_t)>& work) {
  if (!device.is_cpu()) {
    for (std::int64_t tile = 0; tile < tiles; ++tile) work(tile);
    return;
  }
  if (multiply_adds < kLeastSharedWork || at::get_num_threads() == 1) {
    const SerialRegion alone;
    for (std::int64_t tile = 0; tile < tiles; ++tile) work(tile);
    return;
  }
  // At least two iterations, so that a single tile, too, runs inside a parallel region and is not split
  // further by the library that computes it.
  at::parallel_for(0, std::max<std::int64_t>(2, tiles), 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;  // thread-local: the pool's threads do not inherit the caller's
    for (std::int64_t tile = begin; tile < std::min(end, tiles); ++tile) work(tile);
  });
}

}  // namespace lacuna

// CPU threads of the engine, and work split in a way that does not depend on their number.
//
// Lacuna promises the same bits whatever the number of workers on a node, hence whatever the number of
// threads each has. BLAS and oneDNN split a product by the threads they find, which can change the order of a
// sum. So every product that a library computes is cut here into tiles whose shapes depend on the operands
// alone; a tile is computed by one thread. The sums of our own kernels do not depend on the cut
// (kernels/bfloat16_product.h).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>

namespace lacuna {

// Sets the number of CPU threads of all tensor work in this process; `threads` >= 1. BLAS itself is held to
// one thread: the tiles above it are what runs in parallel.
void set_compute_threads(std::int64_t threads);

// Calls `work(tile)` for every tile in [0, tiles), on the CPU spread over the compute threads, each call free
// of nested parallelism; on another device one after the other (its kernels are asynchronous anyway). An
// exception of a tile is rethrown here. `multiply_adds`: about how many there are in all tiles together;
// little work is done by the calling thread, as waking the others would take longer.
void run_tiles(const at::Device& device, std::int64_t tiles, std::int64_t multiply_adds,
               const std::function<void(std::int64_t)>& work);

}  // namespace lacuna

// The AMX part of branch_attention.h: the heads of many branches side by side, as the rows of tiles.
#pragma once

#include <cstdint>
#include <span>

#include "worker/nn/kernels/bfloat16_product.h"
#include "worker/nn/kernels/branch_attention.h"

namespace lacuna {

bool supports_tile_branches(ProductKernel kernel, const BranchContext<BFloat16>& context);

// As attend_branches. To be called only where supports_tile_branches says so for best_product_kernel().
void attend_tile_branches(const BranchContext<BFloat16>& context, std::span<const std::int64_t> slots,
                          std::int64_t group, const BFloat16* q, std::int64_t stride, BFloat16* output);

}  // namespace lacuna

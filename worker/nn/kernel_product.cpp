#include "worker/nn/kernel_product.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

#include "worker/nn/kernel_dispatch.h"
#include "worker/nn/kernels/bfloat16_product.h"

namespace lacuna {
namespace {

bool is_bfloat16(const at::Tensor& tensor) {
  return fits_kernels(tensor) && tensor.scalar_type() == at::kBFloat16;
}

bool have_plain_rows(std::span<const Linear* const> linears) {
  return std::all_of(linears.begin(), linears.end(),
                     [](const Linear* linear) { return linear->weight.stride(1) == 1; });
}

// Without an output.
ProductOperand make_operand(const at::Tensor& weight, const at::Tensor& bias) {
  return {.weight = elements_of<BFloat16>(weight),
          .weight_stride = weight.stride(0),
          .bias = bias.defined() ? elements_of<BFloat16>(bias) : nullptr,
          .features = weight.size(0)};
}

std::vector<ProductOperand> make_operands(std::span<const Linear* const> linears) {
  std::vector<ProductOperand> operands;
  for (const Linear* const linear : linears) operands.push_back(make_operand(linear->weight, linear->bias));
  return operands;
}

void write_to(ProductOperand& operand, const at::Tensor& product, const at::Tensor& addend) {
  operand.output = elements_of<BFloat16>(product);
  operand.output_stride = product.stride(0);
  if (!addend.defined()) return;
  operand.addend = elements_of<BFloat16>(addend);
  operand.addend_stride = addend.stride(0);
}

ProductRows make_rows(const at::Tensor& x) {
  return {.x = elements_of<BFloat16>(x), .stride = x.stride(0), .rows = x.size(0), .depth = x.size(1)};
}

std::int64_t count_multiply_adds(const ProductRows& x, std::span<const ProductOperand> operands) {
  // A weight that is fetched from memory counts for as much as several multiply-adds.
  constexpr std::int64_t kFetchCost = 16;
  std::int64_t features = 0;
  for (const ProductOperand& operand : operands) features += operand.features;
  return (x.rows + kFetchCost) * features * x.depth;
}

void prepare(BFloat16Product& product, const ProductRows& x) {
  constexpr std::int64_t kPackingCost = 1;  // of an element, in multiply-adds that take as long
  run_tiles(at::kCPU, product.preparation_tasks(), kPackingCost * x.rows * x.depth,
            [&](std::int64_t task) { product.prepare(task); });
}

void compute(const BFloat16Product& product, std::int64_t multiply_adds) {
  run_tiles(at::kCPU, product.tasks(), multiply_adds, [&](std::int64_t task) { product.compute(task); });
}

}  // namespace

std::optional<std::vector<at::Tensor>> multiply_with_kernels(const at::Tensor& x,
                                                             std::span<const Linear* const> linears,
                                                             const at::Tensor& addend) {
  const bool can_add = !addend.defined() || is_bfloat16(addend);
  if (!is_bfloat16(x) || !can_add || !have_plain_rows(linears)) return std::nullopt;
  const ProductRows rows = make_rows(x);
  std::vector<ProductOperand> operands = make_operands(linears);
  const ProductKernel kernel = best_product_kernel();
  if (!BFloat16Product::supports(kernel, rows, operands)) return std::nullopt;
  std::vector<at::Tensor> products;
  for (ProductOperand& operand : operands) {
    products.push_back(at::empty({rows.rows, operand.features}, x.options()));
    write_to(operand, products.back(), addend);
  }
  BFloat16Product product(kernel, rows, operands, at::get_num_threads());
  prepare(product, rows);
  compute(product, count_multiply_adds(rows, operands));
  return products;
}

std::optional<at::Tensor> run_mlp_with_kernels(const at::Tensor& x, const Linear& gate, const Linear& up,
                                               const Linear& down, const at::Tensor& addend) {
  const Linear* const linears[] = {&gate, &up, &down};
  if (!is_bfloat16(x) || !is_bfloat16(addend) || !have_plain_rows(linears)) return std::nullopt;
  const ProductRows rows = make_rows(x);
  const std::vector<ProductOperand> factors = make_operands({linears, 2});
  ProductOperand operand = make_operand(down.weight, down.bias);
  const ProductKernel kernel = best_product_kernel();
  const ProductRows gated_rows{.rows = rows.rows, .depth = down.weight.size(1)};
  if (!BFloat16Product::supports_gate(kernel, rows, factors) ||
      !BFloat16Product::supports(kernel, gated_rows, {&operand, 1})) {
    return std::nullopt;
  }
  BFloat16Product gating(kernel, rows, factors, at::get_num_threads());
  prepare(gating, rows);
  PackedRows gated(gated_rows.rows, gated_rows.depth);
  run_tiles(at::kCPU, gating.gated_tasks(), count_multiply_adds(rows, factors),
            [&](std::int64_t task) { gating.compute_gated(task, gated); });

  at::Tensor sum = at::empty({rows.rows, operand.features}, x.options());
  write_to(operand, sum, addend);
  compute(BFloat16Product(std::move(gated), {&operand, 1}, at::get_num_threads()),
          count_multiply_adds(gated_rows, {&operand, 1}));
  return sum;
}

std::optional<at::Tensor> find_largest_with_kernels(const at::Tensor& x, const Linear& linear) {
  const Linear* const linears[] = {&linear};
  if (!is_bfloat16(x) || !have_plain_rows(linears)) return std::nullopt;
  const ProductRows rows = make_rows(x);
  const ProductOperand operand = make_operand(linear.weight, linear.bias);
  const ProductKernel kernel = best_product_kernel();
  if (!BFloat16Product::supports_largest(kernel, rows, operand)) return std::nullopt;
  BFloat16Product product(kernel, rows, {&operand, 1}, at::get_num_threads());
  prepare(product, rows);
  const StripMaxima maxima = product.make_maxima();
  run_tiles(at::kCPU, product.tasks(), count_multiply_adds(rows, {&operand, 1}),
            [&](std::int64_t task) { product.compute_largest(task, maxima); });
  at::Tensor positions = at::empty({rows.rows}, at::TensorOptions().dtype(at::kLong));
  product.merge_maxima(maxima, elements_of<std::int64_t>(positions));
  return positions;
}

bool can_find_largest_with_kernels(const Linear& linear) {
  const Linear* const linears[] = {&linear};
  if (!is_bfloat16(linear.weight) || !have_plain_rows(linears)) return false;
  const ProductRows many{.rows = kFewRows + 1, .depth = linear.weight.size(1)};
  return BFloat16Product::supports_largest(best_product_kernel(), many,
                                           make_operand(linear.weight, linear.bias));
}

bool multiply_with_kernels_into(const at::Tensor& product, const at::Tensor& x, const at::Tensor& weight) {
  if (x.scalar_type() != at::kBFloat16 || !x.device().is_cpu()) return false;
  ProductOperand operand = make_operand(weight, {});
  write_to(operand, product, {});
  const ProductKernel kernel = best_product_kernel();
  if (!BFloat16Product::supports(kernel, make_rows(x), {&operand, 1})) return false;
  BFloat16Product(kernel, make_rows(x), {&operand, 1}).run();
  return true;
}

}  // namespace lacuna

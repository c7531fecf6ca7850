#include "worker/nn/compute_device.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/worker/test_device.h"

namespace lacuna::testing {
namespace {

TEST(OpenDevice, Float32ProductsAreFloat32WhateverWasSetBefore) {
  at::globalContext().setFloat32MatmulPrecision("medium");
  EXPECT_EQ(open_device(-1), at::Device(at::kCPU));
  EXPECT_EQ(at::globalContext().float32MatmulPrecision(), at::Float32MatmulPrecision::HIGHEST);
  EXPECT_FALSE(at::globalContext().allowTF32CuBLAS());
}

TEST(OpenDevice, ADeviceThatIsNotThereIsRefused) {
  const std::int64_t missing = count_gpus();
  try {
    open_device(missing);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("no CUDA device"), std::string::npos) << error.what();
  }
}

// 2^-12 is lost where products keep ten bits.
TEST(OpenDevice, TheTestDeviceKeepsFloat32) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::full({64, 64}, 1.0 + 1.0 / 4096, at::TensorOptions().device(test_device()));
  const at::Tensor product = at::matmul(x, at::eye(64, x.options()));
  EXPECT_TRUE(at::equal(product, x));
}

}  // namespace
}  // namespace lacuna::testing

#include "worker/checkpoint/safetensors_writer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>

#include "core/error.h"
#include "tests/temporary_folder.h"
#include "worker/checkpoint/safetensors_file.h"

namespace lacuna::testing {
namespace {

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  const TemporaryFolder directory;
  const auto path = directory.path() / "model.safetensors";
  const at::Tensor wide = at::arange(6, at::kFloat).view({2, 3});
  const at::Tensor narrow = at::tensor({1.0F, -2.5F, 3.0F}).to(at::kBFloat16);
  const at::Tensor turned = wide.transpose(0, 1);  // not contiguous
  const at::Tensor scalar = at::scalar_tensor(7.0, at::kHalf);
  write_safetensors(
      path, {{"b", wide}, {"a\"quoted", narrow}, {"t", turned}, {"s", scalar}, {"e", at::empty({0, 4})}});
  const SafetensorsFile file(path);
  ASSERT_EQ(file.tensors().size(), 5U);
  const auto expect_same = [&](const std::string& name, const std::string& dtype, const at::Tensor& tensor) {
    const StoredTensor& stored = file.tensors().at(name);
    const at::Tensor plain = tensor.contiguous();
    EXPECT_EQ(stored.dtype, dtype);
    EXPECT_EQ(stored.shape, tensor.sizes().vec());
    ASSERT_EQ(stored.bytes.size(), plain.nbytes());
    EXPECT_TRUE(stored.bytes.empty() ||
                std::memcmp(stored.bytes.data(), plain.data_ptr(), stored.bytes.size()) == 0);
  };
  expect_same("b", "F32", wide);
  expect_same("a\"quoted", "BF16", narrow);
  expect_same("t", "F32", turned);
  expect_same("s", "F16", scalar);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.tensors().at("b").bytes.data()) % 8, 0U);
}

TEST(SafetensorsWriter, RefusesWhatItCannotWrite) {
  const TemporaryFolder directory;
  const at::Tensor fine = at::zeros({1});
  EXPECT_THROW(write_safetensors(directory.path() / "a", {{"x", at::zeros({1}, at::kLong)}}),
               std::invalid_argument);
  EXPECT_THROW(write_safetensors(directory.path() / "b", {{"x", fine}, {"x", fine}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(directory.path() / "missing" / "c", {{"x", fine}}), SystemError);
}

}  // namespace
}  // namespace lacuna::testing

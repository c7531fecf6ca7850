#include "worker/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "tests/temporary_folder.h"
#include "tests/worker/checkpoint/safetensors_text.h"

namespace lacuna::testing {
namespace {

std::string one_float(const std::string& name, float value) {
  std::string data(4, '\0');
  std::memcpy(data.data(), &value, 4);
  std::string header = "{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
  while (header.size() % 8 != 0) header += ' ';  // as real writers do, for alignment
  return make_safetensors(header, data);
}

template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Checkpoint, FollowsTheIndexToTheShards) {
  const TemporaryFolder directory;
  directory.write("one.safetensors", one_float("a", 1.5F));
  directory.write("two.safetensors", one_float("b", 2.5F));
  directory.write("model.safetensors.index.json",
                  R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  const Checkpoint checkpoint = Checkpoint::open(directory.path());
  EXPECT_EQ(checkpoint.map_tensor("b", {1}).item<float>(), 2.5F);
  EXPECT_EQ(checkpoint.files().size(), 3U);
  EXPECT_EQ(checkpoint.total_bytes(), 8);
}

TEST(Checkpoint, TensorsPointIntoTheMapping) {
  const TemporaryFolder directory;
  directory.write("model.safetensors", one_float("a", 1.5F));
  at::Tensor first, second;
  {
    const Checkpoint checkpoint = Checkpoint::open(directory.path());
    first = checkpoint.map_tensor("a", {1});
    second = checkpoint.map_tensor("a", {1});
  }
  EXPECT_EQ(first.data_ptr(), second.data_ptr());
  EXPECT_EQ(first.item<float>(), 1.5F);  // the mapping outlives the checkpoint
}

TEST(Checkpoint, AnUnalignedTensorIsCopied) {
  const TemporaryFolder directory;
  directory.write("model.safetensors",
                  make_safetensors(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )",
                                   std::string("\0\0\xC0\x3F", 4)));  // 8 + 57 bytes before the data
  EXPECT_EQ(Checkpoint::open(directory.path()).map_tensor("x", {1}).item<float>(), 1.5F);
}

TEST(Checkpoint, ErrorsNameTheTensor) {
  const TemporaryFolder directory;
  directory.write("model.safetensors", one_float("a", 1.5F));
  const Checkpoint checkpoint = Checkpoint::open(directory.path());
  EXPECT_NE(
      message_of([&] { checkpoint.check_tensor("lm_head.weight", {1}); }).find("'lm_head.weight' is missing"),
      std::string::npos);
  const std::string shape = message_of([&] { checkpoint.check_tensor("a", {2, 3}); });
  EXPECT_NE(shape.find("'a' has shape [1]"), std::string::npos);
  EXPECT_NE(shape.find("[2, 3]"), std::string::npos);
}

TEST(Checkpoint, AnIndexMayNotLeadOutOfTheDirectory) {
  const TemporaryFolder directory;
  directory.write("model.safetensors.index.json", R"({"weight_map": {"a": "../secret.safetensors"}})");
  EXPECT_NE(message_of([&] { Checkpoint::open(directory.path()); }).find("not a plain file name"),
            std::string::npos);
}

TEST(Checkpoint, MissingShardsAndTensorsAreNamed) {
  const TemporaryFolder directory;
  EXPECT_NE(message_of([&] { Checkpoint::open(directory.path()); }).find("no weights found"),
            std::string::npos);
  directory.write("one.safetensors", one_float("a", 1.5F));
  directory.write("model.safetensors.index.json", R"({"weight_map": {"b": "one.safetensors"}})");
  EXPECT_NE(message_of([&] { Checkpoint::open(directory.path()); }).find("tensor 'b'"), std::string::npos);
  directory.write("model.safetensors.index.json", R"({"weight_map": {"b": "gone.safetensors"}})");
  EXPECT_NE(message_of([&] { Checkpoint::open(directory.path()); }).find("gone.safetensors"),
            std::string::npos);
}

}  // namespace
}  // namespace lacuna::testing

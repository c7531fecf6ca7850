#include "worker/checkpoint/safetensors_file.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/temporary_folder.h"
#include "tests/worker/checkpoint/safetensors_text.h"

namespace lacuna::testing {
namespace {

TEST(SafetensorsFile, ReadsShapesAndBytes) {
  const TemporaryFolder directory;
  const auto path = directory.write(
      "a", make_safetensors(
               R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
               R"("s":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}})",
               "0123456789"));
  const SafetensorsFile file(path);
  ASSERT_EQ(file.tensors().size(), 2U);
  EXPECT_EQ(file.tensors().at("w").shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(static_cast<char>(file.tensors().at("s").bytes[1]), '9');
}

struct Damage {
  std::string what;
  std::string content;
  std::string expected;  // part of the message
};

class DamagedSafetensors : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedSafetensors, IsRefusedWithItsReason) {
  const TemporaryFolder directory;
  const auto path = directory.write("model.safetensors", GetParam().content);
  try {
    const SafetensorsFile file(path);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().expected), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("model.safetensors"), std::string::npos) << error.what();
  }
}

std::string with_entry(const std::string& entry) {
  return make_safetensors("{\"w\":" + entry + "}", "01234567");
}

INSTANTIATE_TEST_SUITE_P(
    Headers, DamagedSafetensors,
    ::testing::Values(
        Damage{"Empty", "", "not a regular file"}, Damage{"Short", "abc", "shorter than 8"},
        Damage{"HugeHeader", make_safetensors("{}", "", INT64_MAX), "does not fit"},
        Damage{"CutHeader", make_safetensors("{\"w\"", "", 50), "does not fit"},
        Damage{"NoJson", make_safetensors("{\"w\": nonsense}", ""), "not a JSON object"},
        Damage{"List", make_safetensors("[1]", ""), "not a JSON object"},
        Damage{"CutData", with_entry(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16]})"),
               "8 bytes of data"},
        Damage{"Backwards", with_entry(R"({"dtype":"F32","shape":[1],"data_offsets":[8,4]})"), "bytes 8..4"},
        Damage{"WrongSize", with_entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
               "do not fit shape [3]"},
        Damage{"Overflow",
               with_entry(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]})"),
               "do not fit shape"},
        Damage{"Negative", with_entry(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,8]})"), "shape"},
        Damage{"Dtype", with_entry(R"({"dtype":"Q4","shape":[1],"data_offsets":[0,8]})"),
               "unknown dtype 'Q4'"},
        Damage{"NoOffsets", with_entry(R"({"dtype":"F32","shape":[2]})"), "data_offsets"},
        Damage{"EntryNoObject", with_entry("7"), "not an object"}),
    [](const auto& info) { return info.param.what; });

}  // namespace
}  // namespace lacuna::testing

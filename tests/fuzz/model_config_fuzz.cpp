// config.json from anywhere, asked for values of every type.
#include <cmath>

#include "tests/fuzz/fuzz_input.h"
#include "worker/checkpoint/json_file.h"

namespace lacuna {
namespace {

void ask_for_everything(const JsonFile& json, const char* key) {
  testing::allow_refusal([&] {
    const auto integer = json.find_integer(key, 1, 1000);
    testing::require(!integer || (*integer >= 1 && *integer <= 1000), "an integer is within its limits");
  });
  testing::allow_refusal([&] {
    const auto number = json.find_number(key, 0.0, 1e9);
    testing::require(!number || (std::isfinite(*number) && *number >= 0.0), "a number is within its limits");
  });
  testing::allow_refusal([&] { static_cast<void>(json.require_integer(key, INT64_MIN, INT64_MAX)); });
  testing::allow_refusal([&] { static_cast<void>(json.find_bool(key)); });
  testing::allow_refusal([&] { static_cast<void>(json.find_string(key)); });
  testing::allow_refusal([&] { static_cast<void>(json.find_integers(key)); });
  testing::allow_refusal([&] { static_cast<void>(json.find_strings(key)); });
}

}  // namespace
}  // namespace lacuna

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lacuna;
  const auto path = testing::fuzz_folder().write("config.json", testing::view_input(data, size));
  testing::allow_refusal([&] {
    const JsonFile json = JsonFile::read(path);
    for (const char* const key : {"hidden_size", "eos_token_id", "architectures", "rope_scaling"}) {
      ask_for_everything(json, key);
    }
    if (const auto scaling = json.find_object("rope_scaling")) ask_for_everything(*scaling, "factor");
  });
  return 0;
}

// tokenizer_config.json from anywhere, beside a tokenizer.json that is in order.
#include "tests/fuzz/fuzz_input.h"
#include "worker/tokenizer/chat_template.h"
#include "worker/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lacuna;
  static const std::filesystem::path tokenizer_json = testing::fuzz_folder().write(
      "tokenizer.json",
      R"({"pre_tokenizer": null, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})");
  const std::filesystem::path model_dir = tokenizer_json.parent_path();
  testing::fuzz_folder().write("tokenizer_config.json", testing::view_input(data, size));
  testing::allow_refusal([&] { static_cast<void>(Tokenizer::load(model_dir).cleans_up_spaces()); });
  testing::allow_refusal([&] {
    const bool exists = ChatTemplate::exists(model_dir);
    static const nlohmann::ordered_json messages = {{{"role", "user"}, {"content", "Hi"}}};
    testing::require(!exists || size > 0, "an empty file holds no template");
    static_cast<void>(ChatTemplate::load(model_dir).render(messages, true));
  });
  return 0;
}

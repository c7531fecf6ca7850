// A chat template from anywhere, rendered with a conversation that is in order.
#include <string>

#include "tests/fuzz/fuzz_input.h"
#include "worker/tokenizer/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lacuna;
  static const nlohmann::ordered_json messages = {
      {{"role", "system"}, {"content", " Be brief. "}},
      {{"role", "user"}, {"content", "What is 2 + 2?\n"}},
      {{"role", "assistant"},
       {"content", nullptr},
       {"tool_calls", {{{"function", {{"name", "add"}, {"arguments", {{"a", 2}, {"b", 2.5}}}}}}}}},
      {{"role", "tool"}, {"content", "\xC3\xA9 \xE4\xBD\xA0"}},
      {{"role", "user"}, {"content", {{{"type", "text"}, {"text", "And?"}}}}}};
  static const nlohmann::ordered_json tools = {
      {{"type", "function"},
       {"function", {{"name", "add"}, {"parameters", {{"required", {"a", true, 1}}}}}}}};
  testing::allow_refusal([&] {
    const ChatTemplate chat_template =
        ChatTemplate::parse(testing::view_input(data, size), {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
    std::string rendered;
    testing::allow_refusal([&] { rendered = chat_template.render(messages, true, tools); });
    rendered = chat_template.render(messages, false);
    testing::require(rendered == chat_template.render(messages, false), "a template renders the same again");
  });
  return 0;
}

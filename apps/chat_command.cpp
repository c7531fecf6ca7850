// lacuna chat: conversations to prompts and token ids.
#include <memory>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/json_line_filter.h"
#include "worker/tokenizer/chat_template.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {
namespace {

nlohmann::ordered_json write_ids(const std::vector<TokenId>& ids) {
  auto numbers = nlohmann::ordered_json::array();
  for (const TokenId id : ids) numbers.push_back(id.value());
  return numbers;
}

nlohmann::ordered_json render_line(const JsonLine& line, const Tokenizer& tokenizer,
                                   const ChatTemplate& chat_template) {
  const auto& messages = line.find("messages");
  if (!messages.is_array()) line.fail("the field \"messages\" should be a list");
  const auto& flag = line.find("add_generation_prompt");
  if (!flag.is_null() && !flag.is_boolean())
    line.fail("the field \"add_generation_prompt\" should be true or false");
  try {
    std::string rendered =
        chat_template.render(messages, flag.is_null() || flag.get<bool>(), line.find("tools"));
    auto ids = write_ids(tokenizer.encode(rendered, false));
    auto ids_retokenized = write_ids(tokenizer.encode(rendered, true));
    return {{"rendered", std::move(rendered)},
            {"ids", std::move(ids)},
            {"ids_retokenized", std::move(ids_retokenized)}};
  } catch (const ChatTemplateError& error) {
    return {{"error", error.message()}};
  }
}

void chat_lines(const std::string& model_dir) {
  const Tokenizer tokenizer = Tokenizer::load(model_dir);
  const ChatTemplate chat_template = ChatTemplate::load(model_dir);
  filter_json_lines([&](const JsonLine& line) { return render_line(line, tokenizer, chat_template); });
}

}  // namespace

void add_chat_command(CLI::App& app, CommandOutcome& /*outcome*/) {
  const auto model_dir = std::make_shared<std::string>();
  CLI::App* const command = app.add_subcommand(
      "chat",
      "Render conversations with the model's chat template. Reads JSON lines {\"messages\", optionally "
      "\"add_generation_prompt\" (true if left out) and \"tools\"} from stdin and prints for each "
      "{\"rendered\", "
      "\"ids\": of the rendered text as it is, \"ids_retokenized\": with the tokenizer's special tokens "
      "around it, "
      "so that many models get a second begin token}, or {\"error\"} if the template does not take the "
      "messages.");
  command->add_option("--model", *model_dir, "Model directory with tokenizer.json and tokenizer_config.json")
      ->required();
  command->callback([model_dir] { chat_lines(*model_dir); });
}

}  // namespace lacuna

// lacuna tokenize: texts to token ids.
#include <memory>
#include <string>

#include "apps/command.h"
#include "apps/json_line_filter.h"
#include "worker/tokenizer/base64.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {
namespace {

struct TokenizeOptions {
  std::string model_dir;
  bool no_special = false;
};

std::string read_text(const JsonLine& line) {
  if (line.find("bytes_b64").is_null()) return line.get_text("text");
  auto bytes = decode_base64(line.get_text("bytes_b64"));
  if (!bytes) line.fail("the field \"bytes_b64\" is not base64");
  return *std::move(bytes);
}

void tokenize_lines(const TokenizeOptions& options) {
  const Tokenizer tokenizer = Tokenizer::load(options.model_dir);
  filter_json_lines([&](const JsonLine& line) {
    auto ids = nlohmann::ordered_json::array();
    for (const TokenId id : tokenizer.encode(read_text(line), !options.no_special)) ids.push_back(id.value());
    return nlohmann::ordered_json{{"ids", std::move(ids)}};
  });
}

}  // namespace

void add_tokenize_command(CLI::App& app, CommandOutcome& /*outcome*/) {
  const auto options = std::make_shared<TokenizeOptions>();
  CLI::App* const command = app.add_subcommand(
      "tokenize",
      "Turn texts into token ids. Reads JSON lines {\"text\"} from stdin and prints {\"ids\"} for each. A "
      "line may "
      "hold \"bytes_b64\" in place of \"text\": raw bytes in base64, which need not be UTF-8.");
  command->add_option("--model", options->model_dir, "Model directory with tokenizer.json")->required();
  command->add_flag("--no-special", options->no_special,
                    "Leave out the special tokens that the tokenizer puts around a text");
  command->callback([options] { tokenize_lines(*options); });
}

}  // namespace lacuna

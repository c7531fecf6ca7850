// lacuna detokenize: token ids to texts.
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/json_line_filter.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {
namespace {

struct DetokenizeOptions {
  std::string model_dir;
  bool skip_special = false;
  bool clean_up = false;
};

std::vector<TokenId> read_ids(const JsonLine& line) {
  const auto& field = line.find("ids");
  if (!field.is_array()) line.fail("the field \"ids\" should be a list of token ids");
  std::vector<TokenId> ids;
  for (const auto& id : field) {
    if (!id.is_number_unsigned()) line.fail("a token id should be a whole number from 0");
    // Beyond the type is beyond every vocabulary: unknown, and unknown ids have no text.
    if (id.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<TokenId::rep>::max()))
      continue;
    ids.emplace_back(id.get<TokenId::rep>());
  }
  return ids;
}

void detokenize_lines(const DetokenizeOptions& options) {
  const Tokenizer tokenizer = Tokenizer::load(options.model_dir);
  filter_json_lines([&](const JsonLine& line) {
    std::string text = tokenizer.decode(read_ids(line), options.skip_special);
    if (options.clean_up && tokenizer.cleans_up_spaces()) text = Tokenizer::clean_up_spaces(std::move(text));
    return nlohmann::ordered_json{{"text", std::move(text)}};
  });
}

}  // namespace

void add_detokenize_command(CLI::App& app, CommandOutcome& /*outcome*/) {
  const auto options = std::make_shared<DetokenizeOptions>();
  CLI::App* const command = app.add_subcommand("detokenize",
                                               "Turn token ids into texts. Reads JSON lines {\"ids\"} from "
                                               "stdin and prints {\"text\"} for each. Unknown ids "
                                               "give nothing; bytes that are not UTF-8 give U+FFFD.");
  command->add_option("--model", options->model_dir, "Model directory with tokenizer.json")->required();
  command->add_flag("--skip-special", options->skip_special, "Leave out special tokens");
  command->add_flag("--clean-up", options->clean_up,
                    "Drop spaces before punctuation as transformers' decode does by default for models whose "
                    "tokenizer_config.json sets clean_up_tokenization_spaces; no effect for other models");
  command->callback([options] { detokenize_lines(*options); });
}

}  // namespace lacuna

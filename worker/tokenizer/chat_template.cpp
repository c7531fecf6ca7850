#include "worker/tokenizer/chat_template.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "core/bounded_json.h"
#include "core/utf8.h"
#include "worker/tokenizer/jinja/evaluator.h"
#include "worker/tokenizer/jinja/failure.h"
#include "worker/tokenizer/jinja/lexer.h"
#include "worker/tokenizer/jinja/parser.h"
#include "worker/tokenizer/tokenizer_file.h"

namespace lacuna {
namespace {

constexpr std::size_t kMaxTemplateBytes = std::size_t{1} << 20U;
constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr const char* kTemplateFile = "chat_template.jinja";
constexpr const char* kNoTemplateHint = "use prompts without a chat template for base models";

// The names under which transformers hands the special tokens to a template.
constexpr const char* kTokenNames[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};

std::string at_line(std::int64_t line, std::string_view message) {
  return fmt::format("line {} of the template: {}", line, message);
}

[[noreturn]] void rethrow(const jinja::Failure& failure, const std::filesystem::path& origin) {
  if (failure.kind() == jinja::Failure::Kind::kRaised) {
    throw ChatTemplateError(failure.what(), failure.line(), origin);
  }
  throw InputError({"cannot use the chat template", at_line(failure.line(), failure.what())},
                   SourceLocation{origin});
}

// tokenizer_config.json as far as we need it, or an empty object if the file is not there.
nlohmann::json read_config(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return nlohmann::json::object();
  auto config = parse_json(read_whole_file(file, kTokenizerFile), file);
  if (!config.is_object()) throw InputError({"the file should hold a JSON object"}, SourceLocation{file});
  return config;
}

// The template in the config: a string, or the one named "default" of a list.
std::optional<std::string> find_template(const nlohmann::json& config) {
  const auto found = config.find("chat_template");
  if (found == config.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return std::nullopt;
  for (const auto& entry : *found) {
    if (entry.is_object() && entry.contains("name") && entry["name"] == "default" &&
        entry.contains("template") && entry["template"].is_string()) {
      return entry["template"].get<std::string>();
    }
  }
  return std::nullopt;
}

// A token is a string, or an object with its `content`.
std::map<std::string, std::string> find_token_variables(const nlohmann::json& config) {
  std::map<std::string, std::string> variables;
  for (const char* const name : kTokenNames) {
    const auto found = config.find(name);
    if (found == config.end()) continue;
    if (found->is_string()) {
      variables[name] = found->get<std::string>();
    } else if (found->is_object() && found->contains("content") && (*found)["content"].is_string()) {
      variables[name] = (*found)["content"].get<std::string>();
    }
  }
  return variables;
}

}  // namespace

ChatTemplateError::ChatTemplateError(std::string message, std::int64_t template_line,
                                     const std::filesystem::path& origin)
    : InputError({"the chat template does not take these messages", at_line(template_line, message)},
                 SourceLocation{origin}),
      message_(std::move(message)) {}

struct ChatTemplate::Impl {
  jinja::Block block;
  std::map<std::string, std::string> variables;
  std::filesystem::path origin;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

bool ChatTemplate::exists(const std::filesystem::path& model_dir) {
  return std::filesystem::exists(model_dir / kTemplateFile) ||
         find_template(read_config(model_dir / kConfigFile)).has_value();
}

ChatTemplate ChatTemplate::load(const std::filesystem::path& model_dir) {
  const auto config_file = model_dir / kConfigFile;
  const auto config = read_config(config_file);
  const auto variables = find_token_variables(config);
  const auto template_file = model_dir / kTemplateFile;
  if (std::filesystem::exists(template_file)) {
    return parse(read_whole_file(template_file, kTokenizerFile), variables, template_file);
  }
  const auto source = find_template(config);
  if (!source) {
    throw InputError({"the model has no chat template",
                      "`chat_template` is missing, or a list without \"default\"", kNoTemplateHint},
                     SourceLocation{config_file});
  }
  return parse(*source, variables, config_file);
}

ChatTemplate ChatTemplate::parse(std::string_view source, const std::map<std::string, std::string>& variables,
                                 const std::filesystem::path& origin) {
  if (source.size() > kMaxTemplateBytes) {
    throw InputError({"cannot use the chat template", "it is larger than 1 MiB"}, SourceLocation{origin});
  }
  try {
    auto impl = std::make_unique<Impl>();
    impl->block = jinja::parse_template(jinja::read_tokens(utf8::repair(source)));
    impl->variables = variables;
    impl->origin = origin;
    return ChatTemplate(std::move(impl));
  } catch (const jinja::Failure& failure) {
    rethrow(failure, origin);
  }
}

std::string ChatTemplate::render(const nlohmann::ordered_json& messages, bool add_generation_prompt,
                                 const nlohmann::ordered_json& tools) const {
  try {
    jinja::Budget budget;
    std::map<std::string, jinja::Value> variables;
    for (const auto& [name, text] : impl_->variables) variables.emplace(name, utf8::repair(text));
    variables["messages"] = jinja::from_json(messages, budget);
    variables["tools"] = jinja::from_json(tools, budget);
    variables["documents"] = jinja::None{};
    variables["add_generation_prompt"] = add_generation_prompt;
    return jinja::render_template(impl_->block, std::move(variables), budget);
  } catch (const jinja::Failure& failure) {
    rethrow(failure, impl_->origin);
  }
}

}  // namespace lacuna

// A model's chat template: messages to the prompt text that the model was trained on.
//
// The template is the Jinja text in the model's own tokenizer_config.json. It is rendered by the interpreter
// in jinja/, which covers what chat templates use of Jinja2 3.1 with the settings of transformers'
// apply_chat_template (trim_blocks, lstrip_blocks, tojson = json.dumps(ensure_ascii=False), raise_exception)
// and refuses anything else with the template's line.
//
// Thread safety: const methods may be called from any number of threads at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/error.h"

namespace lacuna {

// The template itself failed on these messages: it called raise_exception, or did something for which Jinja2
// raises (a missing field in a concatenation). Messages, not the model, are usually the cause.
class ChatTemplateError : public InputError {
 public:
  // `message`: what Jinja2 (or raise_exception) says; `template_line` counts from 1.
  ChatTemplateError(std::string message, std::int64_t template_line, const std::filesystem::path& origin);

  // The bare message, without file and line.
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  std::string message_;
};

class ChatTemplate {
 public:
  // Reads `chat_template` (a string, or a list of {name, template} of which "default" is taken) and the named
  // special tokens (bos_token, eos_token, ...) from `model_dir`/tokenizer_config.json. A separate
  // `model_dir`/chat_template.jinja, the newer place, is preferred where it exists.
  // Throws InputError: no template, or a template that uses something unsupported (names its line).
  static ChatTemplate load(const std::filesystem::path& model_dir);

  // Whether `model_dir` has a chat template at all (base models have none). Throws only on unreadable files.
  [[nodiscard]] static bool exists(const std::filesystem::path& model_dir);

  // A template from text. `variables`: further names it can see, for example {"bos_token", "<s>"}.
  static ChatTemplate parse(std::string_view source, const std::map<std::string, std::string>& variables,
                            const std::filesystem::path& origin = "chat_template");

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // The prompt text. `messages`: an array of objects, usually {"role": ..., "content": ...}; `tools`: an
  // array of tool descriptions or null. Key order matters (tojson keeps it), hence ordered_json. Throws
  // ChatTemplateError if the template raises; InputError beyond the limits on nesting, steps or output.
  [[nodiscard]] std::string render(const nlohmann::ordered_json& messages, bool add_generation_prompt,
                                   const nlohmann::ordered_json& tools = nullptr) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lacuna

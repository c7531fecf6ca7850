// `lacuna trace`: one prompt through a model under LAC, greedy, into one HDF5 file.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "apps/command.h"
#include "apps/passive_threads.h"
#include "core/bounded_json.h"
#include "core/error.h"
#include "core/whole_file.h"
#include "results/author_json.h"
#include "results/durable_file.h"
#include "results/trace_file.h"
#include "worker/engine/engine.h"
#include "worker/engine/generator.h"
#include "worker/engine/prompt_encoder.h"
#include "worker/nn/compute_device.h"
#include "worker/nn/compute_threads.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;

struct TraceArguments {
  std::string model;
  std::string ids_file;
  std::string prompt;
  bool chat = false;
  std::vector<double> alphas;
  std::string mode = "trace";
  std::int64_t new_tokens = 16;
  std::string dtype = "float32";
  std::string norm_precision = "model";
  std::string device = "auto";
  std::int64_t threads = 0;
  bool logits = false;
  std::string out;
  std::string author_json;
};

[[noreturn]] void refuse_ids(const fs::path& path, const std::string& why) {
  throw InputError({.problem = "not a list of token ids",
                    .why = why,
                    .suggestion = "write a JSON list, or integers separated by spaces, commas or line ends"},
                   SourceLocation{path});
}

TokenId make_token_id(const fs::path& path, std::int64_t value) {
  if (value < 0 || value > INT32_MAX) refuse_ids(path, fmt::format("{} is no token id", value));
  return TokenId(static_cast<std::int32_t>(value));
}

// A JSON list of integers, or integers separated by white space and commas.
std::vector<TokenId> read_ids(const fs::path& path) {
  std::string text = read_whole_file(path, {"a list of token ids", std::uint64_t{64} << 20U});
  std::vector<TokenId> ids;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '[') {
    for (const nlohmann::json& element : parse_json(text, path)) {
      if (!element.is_number_integer()) {
        refuse_ids(
            path, fmt::format("element {} is {} instead of an integer", ids.size() + 1, element.type_name()));
      }
      ids.push_back(make_token_id(path, element.get<std::int64_t>()));
    }
  } else {
    std::replace(text.begin(), text.end(), ',', ' ');
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (error != std::errc{} || end != word.data() + word.size()) {
        refuse_ids(path, fmt::format("'{}' is no integer", word.substr(0, 40)));
      }
      ids.push_back(make_token_id(path, value));
    }
  }
  if (ids.empty()) refuse_ids(path, "it is empty");
  return ids;
}

std::vector<TokenId> encode_prompt(const TraceArguments& arguments) {
  if (!arguments.ids_file.empty()) return read_ids(arguments.ids_file);
  if (!arguments.chat) return Tokenizer::load(arguments.model).encode(arguments.prompt, true);
  return PromptEncoder(arguments.model).encode_message(arguments.prompt, false);
}

// Beyond the positions that the model was made for its output says nothing about it.
void check_positions(const TraceArguments& arguments, std::size_t prompt_tokens) {
  const std::int64_t positions = inspect_model(arguments.model).architecture.max_positions;
  const std::int64_t wanted = static_cast<std::int64_t>(prompt_tokens) + arguments.new_tokens;
  if (wanted <= positions) return;
  throw InputError(
      {.problem = fmt::format("{} prompt tokens and {} response steps are more than the model takes",
                              prompt_tokens, arguments.new_tokens),
       .why = fmt::format("its max_position_embeddings is {}", positions),
       .suggestion = "give a shorter prompt or a smaller --new-tokens"},
      SourceLocation{arguments.model});
}

at::Device choose_device(const std::string& name) {
  return open_device(name == "cpu" || (name == "auto" && count_gpus() == 0) ? -1 : 0);
}

GeneratorOptions make_options(const TraceArguments& arguments, LacMode mode) {
  GeneratorOptions options{
      .stream = mode == LacMode::kPropagate ? StreamKind::kPropagate : StreamKind::kShared,
      .branches = {},
      .alphas = arguments.alphas,
      .norm_precision = parse_norm_precision(arguments.norm_precision),
      // One more than the steps: the token chosen from the last one, which nobody is fed.
      .max_new_tokens = arguments.new_tokens + 1,
      .stop_tokens = {},
      .keep_logits = arguments.logits};
  if (mode == LacMode::kTrace) {
    options.branches.push_back({.mode = mode, .alpha = std::nullopt});
    return options;
  }
  for (std::size_t alpha = 0; alpha < arguments.alphas.size(); ++alpha) {
    options.branches.push_back({.mode = mode, .alpha = AlphaIndex(static_cast<std::int32_t>(alpha))});
  }
  return options;
}

// Appends decision set `set` of the rows as one byte a layer, and the exit layers.
void append_decisions(const TraceRows& rows, std::int64_t set, std::vector<std::uint8_t>& active,
                      std::vector<std::int16_t>& exit_layers) {
  for (std::int64_t token = 0; token < rows.tokens; ++token) {
    for (std::int64_t layer = 0; layer < rows.layers; ++layer) {
      active.push_back(rows.is_active(token, set, layer) ? 1 : 0);
    }
    exit_layers.push_back(static_cast<std::int16_t>(rows.exit_layer(token, set).value()));
  }
}

void append_logits(const at::Tensor& logits, std::vector<float>& values) {
  const float* const begin = logits.data_ptr<float>();
  values.insert(values.end(), begin, begin + logits.numel());
}

// `question` has one branch for each alpha, or in trace mode one that stands for all of them.
TraceFile make_trace_file(const TraceArguments& arguments, LacMode mode, const std::vector<TokenId>& prompt,
                          const GeneratedQuestion& question) {
  TraceFile trace;
  trace.model = arguments.model;
  trace.mode = mode;
  trace.dtype = arguments.dtype;
  trace.layers = question.pp.front().layers;
  trace.alpha = arguments.alphas;
  for (const TokenId token : prompt) trace.input_ids.push_back(token.value());
  for (const TraceRows& rows : question.pp) {
    trace.pp_norms.insert(trace.pp_norms.end(), rows.norms.begin(), rows.norms.end());
    for (std::int64_t set = 0; set < rows.alphas; ++set) {
      append_decisions(rows, set, trace.pp_active, trace.pp_exit_layer);
    }
  }
  for (std::size_t alpha = 0; alpha < arguments.alphas.size(); ++alpha) {
    const bool shared = mode == LacMode::kTrace;
    const Branch& branch = question.branches[shared ? 0 : alpha];
    append_decisions(branch.rg, shared ? static_cast<std::int64_t>(alpha) : 0, trace.rg_active,
                     trace.rg_exit_layer);
    for (std::int64_t step = 0; step < branch.rg.tokens; ++step) {
      trace.rg_token_ids.push_back(branch.tokens[static_cast<std::size_t>(step)].value());
    }
    if (!arguments.logits) continue;
    append_logits(branch.logits.front(), trace.pp_last_logits);
    for (std::size_t pass = 1; pass < branch.logits.size(); ++pass) {
      append_logits(branch.logits[pass], trace.rg_logits);
    }
  }
  return trace;
}

// The same run in the layout of the paper author's scripts.
void write_author_sample(const TraceArguments& arguments, LacMode mode, const std::vector<TokenId>& prompt,
                         const GeneratedQuestion& question) {
  if (arguments.alphas.size() != 1) {
    throw InputError(
        {.problem = "--author-json holds one threshold", .suggestion = "give --alpha one value"});
  }
  QuestionRecord record{};
  record.id = QuestionId("prompt");
  record.prompt_ids = prompt;
  record.author_texts =
      AuthorTexts{.question = arguments.prompt, .subject = {}, .prompt = arguments.prompt, .true_answer = {}};
  ResponseRecord response{};
  response.mode = mode;
  response.token_ids = question.branches.front().tokens;
  response.rg = question.branches.front().rg;
  const std::string json = render_author_json(record, response, question.pp.front(), 0, 0);
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(json.data());
  write_file_durably(arguments.author_json, {std::span(bytes, json.size())});
}

void run_trace(const TraceArguments& arguments) {
  const LacMode mode = parse_lac_mode(arguments.mode);
  const DataType dtype = parse_data_type(arguments.dtype);
  check_place_of(arguments.out);
  if (!arguments.author_json.empty()) check_place_of(arguments.author_json);
  const GeneratorOptions options = make_options(arguments, mode);
  const std::int64_t cores = std::max(1U, std::thread::hardware_concurrency());
  set_compute_threads(arguments.threads > 0 ? arguments.threads : cores);
  const std::vector<GeneratorPrompt> prompts = {{QuestionId("prompt"), encode_prompt(arguments)}};
  check_positions(arguments, prompts.front().token_ids.size());
  const LoadedModel loaded = load_model(arguments.model, dtype, choose_device(arguments.device));
  GreedyChooser chooser;
  const GeneratedQuestion question =
      std::move(Generator(loaded.model, chooser, options).generate(prompts).front());
  if (!arguments.author_json.empty())
    write_author_sample(arguments, mode, prompts.front().token_ids, question);
  write_trace_file(arguments.out, make_trace_file(arguments, mode, prompts.front().token_ids, question));
}

}  // namespace

void add_trace_command(CLI::App& app, CommandOutcome& /*outcome*/) {
  auto arguments = std::make_shared<TraceArguments>();
  CLI::App* const command = app.add_subcommand(
      "trace",
      "Run one prompt under LAC (greedy, stop tokens ignored) and write its void trace to an HDF5 file");
  command->add_option("--model", arguments->model, "Model directory as Hugging Face serves it")->required();
  auto* const source = command->add_option_group("prompt source");
  source->add_option("--ids", arguments->ids_file, "File of token ids: a JSON list, or integers");
  source->add_option("--prompt", arguments->prompt, "Text, tokenized with special tokens");
  source->require_option(1);
  command->add_flag("--chat", arguments->chat,
                    "Put --prompt into the model's chat template as a user message");
  command->add_option("--alpha", arguments->alphas, "Thresholds, for example 0.2,0.5,0.8")
      ->required()
      ->delimiter(',')
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--mode", arguments->mode, "trace, exit or propagate")->capture_default_str();
  command
      ->add_option("--new-tokens", arguments->new_tokens,
                   "Response steps; with the prompt at most the model's max_position_embeddings")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--dtype", arguments->dtype, "float32 or bfloat16")->capture_default_str();
  command->add_option("--norm-precision", arguments->norm_precision, "model or float32")
      ->capture_default_str();
  command->add_option("--device", arguments->device, "auto, cpu or cuda")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  command->add_option("--threads", arguments->threads, "CPU threads; 0: all cores")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_flag("--logits", arguments->logits, "Also write the logits");
  command->add_option("--author-json", arguments->author_json,
                      "Also write the trace in the paper author's JSON layout (one threshold)");
  command->add_option("--out", arguments->out, "The HDF5 file to write")->required();
  command->callback([arguments] {
    restart_with_passive_threads();
    run_trace(*arguments);
  });
}

}  // namespace lacuna

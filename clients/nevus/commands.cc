#include "clients/nevus/commands.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "clients/nevus/context.h"
#include "clients/nevus/help.h"

namespace nevus {
namespace {

absl::Status Help(Context& context) {
  if (context.line().On("markdown")) {
    context.Write(HelpMarkdown(AllCommands()));
    return absl::OkStatus();
  }
  std::string prefix;
  for (const std::string& word : context.line().arguments) {
    prefix += (prefix.empty() ? "" : " ") + word;
  }
  // "" and a word that begins commands have help, as a command itself has.
  const bool known = std::any_of(
      AllCommands().begin(), AllCommands().end(), [&](const Command& command) {
        return prefix.empty() || command.path == prefix ||
               absl::StartsWith(command.path, prefix + " ");
      });
  if (!known) {
    return UsageError(absl::StrCat("there is no command ", Quoted(prefix),
                                   "; `nevus help` lists them"));
  }
  context.Write(HelpText(AllCommands(), prefix));
  return absl::OkStatus();
}

absl::Status Completion(Context& context) {
  if (context.argument(0) != "bash") {
    return UsageError("there is completion for bash only; say bash");
  }
  context.Write(BashCompletion(AllCommands()));
  return absl::OkStatus();
}

std::vector<Command> HelpCommands() {
  return {{"help",
           "[COMMAND] [COMMAND]",
           "Say what commands there are, or what one does",
           "",
           {Flag::Switch("markdown", "print docs/cli.md")},
           {"nevus help dataset import"},
           Help},
          {"completion",
           "SHELL",
           "Print completion for a shell: bash",
           "",
           {},
           {"source <(nevus completion bash)"},
           Completion}};
}

}  // namespace

const std::vector<Command>& AllCommands() {
  static const auto* const commands = [] {
    auto* all = new std::vector<Command>;
    for (std::vector<Command> (*group)() :
         {DatasetImportCommands, DatasetCommands, BackboneCommands,
          FeatureCommands, FeatureExportCommands, TrainingCommands,
          EvaluationCommands, ModelCommands, ModelCompareCommands,
          ModelWatchCommands, ClassifyCommands, PredictionCommands, JobCommands,
          AdminCommands, DoctorCommands, BenchCommands, HelpCommands}) {
      for (Command& command : group()) all->push_back(std::move(command));
    }
    return all;
  }();
  return *commands;
}

}  // namespace nevus

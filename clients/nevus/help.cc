#include "clients/nevus/help.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace nevus {
namespace {

constexpr char kExitCodes[] =
    "0 done, 1 failed, 2 wrong usage, 3 cannot reach the server, 4 a job was "
    "cancelled";

std::string Usage(const Command& command) {
  std::string usage = absl::StrCat("nevus ", command.path);
  if (!command.arguments.empty()) {
    absl::StrAppend(&usage, " ", command.arguments);
  }
  for (const Flag& flag : command.flags) {
    const std::string text = absl::StrCat(
        "--", flag.name, flag.value.empty() ? "" : " ", flag.value);
    absl::StrAppend(&usage, flag.required ? " " : " [", text,
                    flag.required ? "" : "]", flag.repeated ? "..." : "");
  }
  return usage;
}

std::string FlagHelp(const Flag& flag) {
  std::string text = flag.help;
  if (!flag.choices.empty()) {
    absl::StrAppend(&text, " (", absl::StrJoin(flag.choices, "|"), ")");
  }
  if (flag.repeated) absl::StrAppend(&text, " (may be given again)");
  if (flag.required) absl::StrAppend(&text, " (required)");
  if (!flag.default_text.empty()) {
    absl::StrAppend(&text, " (default ", flag.default_text, ")");
  }
  return text;
}

std::string FlagLines(const std::vector<Flag>& flags) {
  std::string text;
  for (const Flag& flag : flags) {
    absl::StrAppendFormat(
        &text, "  %-26s %s\n",
        absl::StrCat("--", flag.name, flag.value.empty() ? "" : " ",
                     flag.value),
        FlagHelp(flag));
  }
  return text;
}

std::string CommandHelp(const Command& command) {
  std::string text =
      absl::StrCat(command.summary, "\n\nUsage:\n  ", Usage(command), "\n");
  if (!command.details.empty()) {
    absl::StrAppend(&text, "\n", command.details, "\n");
  }
  if (!command.flags.empty()) {
    absl::StrAppend(&text, "\nFlags:\n", FlagLines(command.flags));
  }
  absl::StrAppend(&text, "\nFlags of every command:\n",
                  FlagLines(GlobalFlags()));
  if (!command.examples.empty()) {
    absl::StrAppend(&text, "\nExample:\n");
    for (const std::string& example : command.examples) {
      absl::StrAppend(&text, "  ", example, "\n");
    }
  }
  return text;
}

std::string Group(const Command& command) {
  return command.path.substr(0, command.path.find(' '));
}

}  // namespace

std::string HelpText(const std::vector<Command>& commands,
                     const std::string& prefix) {
  std::vector<const Command*> shown;
  for (const Command& command : commands) {
    if (command.path == prefix) return CommandHelp(command);
    if (Group(command) == prefix) shown.push_back(&command);
  }
  const bool all = shown.empty();
  if (all) {
    for (const Command& command : commands) shown.push_back(&command);
  }
  std::string text =
      all ? "nevus: build, prove and serve skin-lesion classifiers on a nevusd "
            "server. Research use only.\n\nUsage:\n  nevus COMMAND ...\n"
          : absl::StrCat("Usage:\n  nevus ", prefix, " COMMAND ...\n");
  absl::StrAppend(&text, "\nCommands:\n");
  for (const Command* command : shown) {
    absl::StrAppendFormat(&text, "  %-20s %s\n", command->path,
                          command->summary);
  }
  absl::StrAppend(&text, "\nFlags of every command:\n",
                  FlagLines(GlobalFlags()));
  absl::StrAppend(&text, "\nExample:\n");
  for (const Command* command : shown) {
    if (command->examples.empty() ||
        (all && command->path.find(' ') != std::string::npos &&
         command->path != "dataset import" && command->path != "dataset seal" &&
         command->path != "backbone import" &&
         command->path != "model promote")) {
      continue;  // at the top only the way of the data
    }
    absl::StrAppend(&text, "  ", command->examples[0], "\n");
  }
  absl::StrAppend(&text, "\nExit codes: ", kExitCodes, ".\n");
  return text;
}

std::string HelpMarkdown(const std::vector<Command>& commands) {
  std::string text = absl::StrCat(
      "# The command line\n\n"
      "Written by `nevus help --markdown` from the table of commands "
      "(clients/nevus); do not edit.\n\n"
      "Results go to stdout, progress and errors to stderr. `--output json` "
      "prints exactly one JSON value on stdout, also for an error: "
      "`{\"error\":{\"code\",\"reason\",\"message\"}}` unless there was a "
      "result to print before it. Flags may stand before and after arguments, "
      "as "
      "`--flag value` or `--flag=value`.\n\n"
      "Exit codes: ",
      kExitCodes, ".\n\nFlags of every command:\n\n```\n",
      FlagLines(GlobalFlags()), "```\n");
  std::string group;
  for (const Command& command : commands) {
    if (Group(command) != group) {
      group = Group(command);
      absl::StrAppend(&text, "\n## ", group, "\n");
    }
    absl::StrAppend(&text, "\n### nevus ", command.path, "\n\n",
                    command.summary, ".\n\n```\n", Usage(command), "\n```\n");
    if (!command.details.empty()) {
      absl::StrAppend(&text, "\n", command.details, "\n");
    }
    if (!command.flags.empty()) {
      absl::StrAppend(&text, "\n| flag | meaning |\n|---|---|\n");
      for (const Flag& flag : command.flags) {
        absl::StrAppend(&text, "| `--", flag.name,
                        flag.value.empty() ? "" : " ", flag.value, "` | ",
                        absl::StrReplaceAll(FlagHelp(flag), {{"|", "\\|"}}),
                        " |\n");
      }
    }
    if (!command.examples.empty()) {
      absl::StrAppend(&text, "\nExample:\n\n```\n",
                      absl::StrJoin(command.examples, "\n"), "\n```\n");
    }
  }
  return text;
}

std::string BashCompletion(const std::vector<Command>& commands) {
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> members;
  for (const Command& command : commands) {
    const std::string group = Group(command);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) {
      groups.push_back(group);
    }
    if (group != command.path) {
      members[group].push_back(command.path.substr(group.size() + 1));
    }
  }
  std::string globals;
  for (const Flag& flag : GlobalFlags()) {
    absl::StrAppend(&globals, " --", flag.name);
  }
  std::string flags_of, values_of;
  std::set<std::string> with_values;
  const auto add_values = [&](const Flag& flag) {
    if (flag.choices.empty() || !with_values.insert(flag.name).second) return;
    absl::StrAppend(&values_of, "    --", flag.name, ") words=\"",
                    absl::StrJoin(flag.choices, " "), "\";;\n");
  };
  for (const Command& command : commands) {
    const bool one_word = Group(command) == command.path;
    absl::StrAppend(&flags_of, "      \"", command.path,
                    one_word ? " \"*) words=\"" : "\") words=\"");
    for (const Flag& flag : command.flags) {
      absl::StrAppend(&flags_of, "--", flag.name, " ");
      add_values(flag);
    }
    absl::StrAppend(&flags_of, "$globals\";;\n");
  }
  for (const Flag& flag : GlobalFlags()) add_values(flag);
  std::string members_of;
  for (const auto& [group, names] : members) {
    absl::StrAppend(&members_of, "        ", group, ") words=\"",
                    absl::StrJoin(names, " "), "\";;\n");
  }
  return absl::StrCat(
      "# bash completion for nevus: source <(nevus completion bash)\n"
      "_nevus() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
      "  local previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local globals=\"",
      globals.substr(1),
      "\"\n  local words=\"\"\n"
      "  case \"$previous\" in\n",
      values_of,
      "  esac\n"
      "  if [[ -z \"$words\" && \"$current\" == --* ]]; then\n"
      "    local command=\"${COMP_WORDS[1]}\"\n"
      "    case \"$command ${COMP_WORDS[2]}\" in\n",
      flags_of,
      "    esac\n"
      "  elif [[ -z \"$words\" ]]; then\n"
      "    case \"$COMP_CWORD\" in\n"
      "      1) words=\"",
      absl::StrJoin(groups, " "),
      "\";;\n"
      "      2) case \"${COMP_WORDS[1]}\" in\n",
      members_of,
      "      esac;;\n"
      "    esac\n"
      "  fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  if [[ ${#COMPREPLY[@]} -eq 0 ]]; then\n"
      "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -F _nevus nevus\n");
}

}  // namespace nevus

#include "clients/nevus/command.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/name.h"
#include "base/status.h"

namespace nevus {
namespace {

// Levenshtein's distance.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// "; did you mean X?" or "".
std::string DidYouMean(const std::string& text,
                       const std::vector<std::string>& known) {
  std::string best;
  size_t best_distance = 1 + text.size() / 3;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(text, candidate);
    if (distance <= best_distance &&
        (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best.empty() ? "" : absl::StrCat("; did you mean ", best, "?");
}

const Flag* FindFlag(const std::vector<Flag>& flags, const std::string& name) {
  for (const Flag& flag : flags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

// A flag of `command` (may be null) or a global one.
const Flag* FindFlag(const Command* command, const std::string& name) {
  const Flag* flag =
      command == nullptr ? nullptr : FindFlag(command->flags, name);
  return flag != nullptr ? flag : FindFlag(GlobalFlags(), name);
}

std::string See(const Command& command) {
  return absl::StrCat("; see `nevus ", command.path, " --help`");
}

// "a whole number from 0", "a whole number from -100 to 100".
std::string WholeNumber(const Flag& flag) {
  std::string text = absl::StrCat("a whole number from ", flag.least);
  if (flag.most != std::numeric_limits<int64_t>::max()) {
    absl::StrAppend(&text, " to ", flag.most);
  }
  return text;
}

// One of several is spelled as the table has it.
absl::Status CheckValue(const Flag& flag, std::string* text) {
  int64_t integer;
  double number;
  switch (flag.kind) {
    case Flag::Kind::kSwitch:
      if (*text == "true" || *text == "false") break;
      return UsageError(absl::StrCat("--", flag.name,
                                     " is a switch and takes no value but true "
                                     "or false; it was given ",
                                     Quoted(*text)));
    case Flag::Kind::kInteger:
      if (absl::SimpleAtoi(*text, &integer) && integer >= flag.least &&
          integer <= flag.most) {
        break;
      }
      return UsageError(absl::StrCat("--", flag.name, " takes ",
                                     WholeNumber(flag), "; it was given ",
                                     Quoted(*text)));
    case Flag::Kind::kNumber:
      if (absl::SimpleAtod(*text, &number) && std::isfinite(number)) break;
      return UsageError(absl::StrCat(
          "--", flag.name, " takes a number; it was given ", Quoted(*text)));
    case Flag::Kind::kText:
      break;
  }
  if (flag.choices.empty()) return absl::OkStatus();
  for (const std::string& choice : flag.choices) {
    if (absl::EqualsIgnoreCase(choice, *text)) {
      *text = choice;
      return absl::OkStatus();
    }
  }
  return UsageError(absl::StrCat(
      "--", flag.name, " is one of ", absl::StrJoin(flag.choices, ", "),
      "; it was given ", Quoted(*text), DidYouMean(*text, flag.choices)));
}

// The words in `args` that are neither flags nor the values of flags, as far as
// can be told before the command is known: those that name the command.
std::vector<std::string> LeadingWords(const std::vector<std::string>& args) {
  std::vector<std::string> words;
  for (size_t i = 0; i < args.size() && words.size() < 2; ++i) {
    if (absl::StartsWith(args[i], "--")) {
      const Flag* flag = FindFlag(nullptr, args[i].substr(2));
      if (flag != nullptr && flag->kind != Flag::Kind::kSwitch) ++i;
    } else {
      words.push_back(args[i]);
    }
  }
  return words;
}

const Command* FindCommand(const std::vector<Command>& commands,
                           const std::vector<std::string>& words) {
  for (size_t length = words.size(); length > 0; --length) {
    const std::string path =
        absl::StrJoin(words.begin(), words.begin() + length, " ");
    for (const Command& command : commands) {
      if (command.path == path) return &command;
    }
  }
  return nullptr;
}

// Which command was meant, when none was named.
absl::Status NoCommand(const std::vector<Command>& commands,
                       const std::vector<std::string>& words) {
  std::vector<std::string> firsts, seconds;
  for (const Command& command : commands) {
    const std::vector<std::string> parts = absl::StrSplit(command.path, ' ');
    if (std::find(firsts.begin(), firsts.end(), parts[0]) == firsts.end()) {
      firsts.push_back(parts[0]);
    }
    if (parts.size() > 1 && !words.empty() && parts[0] == words[0]) {
      seconds.push_back(parts[1]);
    }
  }
  if (words.empty()) {
    return UsageError(
        absl::StrCat("name a command: ", absl::StrJoin(firsts, ", "),
                     "; see `nevus --help`"));
  }
  if (seconds.empty()) {
    return UsageError(absl::StrCat("there is no command ", Quoted(words[0]),
                                   DidYouMean(words[0], firsts),
                                   " See `nevus --help`"));
  }
  if (words.size() == 1) {
    return UsageError(absl::StrCat("nevus ", words[0], " needs one of ",
                                   absl::StrJoin(seconds, ", ")));
  }
  return UsageError(absl::StrCat("there is no command ",
                                 Quoted(words[0] + " " + words[1]),
                                 DidYouMean(words[1], seconds), " ", words[0],
                                 " knows ", absl::StrJoin(seconds, ", ")));
}

absl::Status CheckArguments(const Command& command,
                            const std::vector<std::string>& arguments) {
  const std::vector<std::string> names =
      absl::StrSplit(command.arguments, ' ', absl::SkipEmpty());
  size_t least = 0;
  bool endless = false;
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, "[")) ++least;
    if (absl::StrContains(name, "...")) endless = true;
  }
  if (arguments.size() < least) {
    return UsageError(absl::StrCat("nevus ", command.path, " needs ",
                                   names[arguments.size()], See(command)));
  }
  if (!endless && arguments.size() > names.size()) {
    return UsageError(absl::StrCat(
        "nevus ", command.path, " takes ",
        names.empty() ? "no argument" : command.arguments, "; ",
        Quoted(arguments[names.size()]), " is one too many", See(command)));
  }
  return absl::OkStatus();
}

}  // namespace

Flag Flag::Required() const {
  Flag copy = *this;
  copy.required = true;
  return copy;
}

Flag Flag::Default(std::string text) const {
  Flag copy = *this;
  copy.default_text = std::move(text);
  return copy;
}

Flag Flag::OneOf(std::vector<std::string> texts) const {
  Flag copy = *this;
  copy.choices = std::move(texts);
  return copy;
}

Flag Flag::Between(int64_t at_least, int64_t at_most) const {
  Flag copy = *this;
  copy.least = at_least;
  copy.most = at_most;
  return copy;
}

Flag Flag::Repeated() const {
  Flag copy = *this;
  copy.repeated = true;
  return copy;
}

std::string Invocation::Text(const std::string& flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? "" : found->second.back();
}

std::vector<std::string> Invocation::All(const std::string& flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? std::vector<std::string>() : found->second;
}

int64_t Invocation::Integer(const std::string& flag) const {
  int64_t value = 0;
  return absl::SimpleAtoi(Text(flag), &value) ? value : 0;
}

double Invocation::Number(const std::string& flag) const {
  double value = 0;
  return absl::SimpleAtod(Text(flag), &value) ? value : 0;
}

const std::vector<Flag>& GlobalFlags() {
  static const auto* const flags = new std::vector<Flag>{
      Flag::Text(
          "server", "ADDRESS",
          "HOST:PORT of nevusd, or SERVICE=HOST:PORT,... ($NEVUS_SERVER, "
          "else 127.0.0.1:7700)"),
      Flag::Text("output", "FORM",
                 "form of the result: table, csv, or one JSON value")
          .Default("table")
          .OneOf({"table", "csv", "json"}),
      Flag::Switch("help", "say what a command does, with an example"),
      Flag::Switch("version", "print the version")};
  return *flags;
}

absl::Status UsageError(const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), "USAGE");
}

absl::StatusOr<Invocation> ParseCommandLine(
    const std::vector<Command>& commands,
    const std::vector<std::string>& args) {
  const std::vector<std::string> words = LeadingWords(args);
  const Command* command = FindCommand(commands, words);
  size_t command_words =
      command == nullptr
          ? 0
          : 1 + std::count(command->path.begin(), command->path.end(), ' ');

  Invocation invocation;
  invocation.command = command;
  absl::Status problem;
  bool flags_ended = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (command_words == 0 && command != nullptr && command->passes_flags_on) {
      flags_ended = true;
    }
    if (flags_ended || !absl::StartsWith(arg, "--")) {
      if (command_words > 0) {
        --command_words;
      } else {
        invocation.arguments.push_back(arg);
      }
      continue;
    }
    if (arg == "--") {
      flags_ended = true;
      continue;
    }
    const size_t equals = arg.find('=');
    const std::string name = arg.substr(2, equals - 2);
    const Flag* flag = FindFlag(command, name);
    if (flag == nullptr) {
      std::vector<std::string> known;
      for (const Flag& each : GlobalFlags()) known.push_back("--" + each.name);
      if (command != nullptr) {
        for (const Flag& each : command->flags) {
          known.push_back("--" + each.name);
        }
      }
      problem.Update(UsageError(absl::StrCat(
          "there is no flag ", Quoted("--" + name),
          DidYouMean("--" + name, known),
          command == nullptr ? "; see `nevus --help`" : See(*command))));
      continue;
    }
    std::string value = "true";
    if (equals != std::string::npos) {
      value = arg.substr(equals + 1);
    } else if (flag->kind != Flag::Kind::kSwitch) {
      if (i + 1 == args.size()) {
        problem.Update(UsageError(
            absl::StrCat("--", name, " needs a value: ", flag->value)));
        continue;
      }
      value = args[++i];
    }
    problem.Update(CheckValue(*flag, &value));
    std::vector<std::string>& values = invocation.flags[name];
    values.push_back(value);
    if (values.size() > 1 && !flag->repeated) {
      problem.Update(UsageError(absl::StrCat("--", name, " is given twice")));
    }
  }

  // Help wins over mistakes: it is what somebody who made one asks for.
  const bool nothing_asked = args.empty();
  if (invocation.On("help") || nothing_asked) {
    invocation.kind = Invocation::Kind::kHelp;
    invocation.help_prefix = command != nullptr ? command->path
                             : words.empty()    ? ""
                                                : words[0];
    return invocation;
  }
  if (invocation.On("version")) {
    invocation.kind = Invocation::Kind::kVersion;
    return invocation;
  }
  if (command == nullptr) return NoCommand(commands, words);
  RETURN_IF_ERROR(problem);
  RETURN_IF_ERROR(CheckArguments(*command, invocation.arguments));
  for (const std::vector<Flag>* flags : {&command->flags, &GlobalFlags()}) {
    for (const Flag& flag : *flags) {
      if (flag.required && !invocation.Has(flag.name)) {
        return UsageError(absl::StrCat("nevus ", command->path, " needs --",
                                       flag.name, " ", flag.value,
                                       See(*command)));
      }
      if (!flag.default_text.empty()) {
        invocation.flags.emplace(flag.name,
                                 std::vector<std::string>{flag.default_text});
      }
    }
  }
  return invocation;
}

}  // namespace nevus

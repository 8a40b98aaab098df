// The table of commands and the reading of a command line against it.
//
// One entry a command, whence parsing, --help, docs/cli.md and shell completion
// all come. Not Abseil's flags: those are one global set, and cannot differ
// from command to command. Pure: prints nothing, connects to nothing.
#ifndef NEVUS_CLIENTS_NEVUS_COMMAND_H_
#define NEVUS_CLIENTS_NEVUS_COMMAND_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nevus {

class Context;

// --name VALUE, or --name alone for a switch.
struct Flag {
  enum class Kind { kSwitch, kText, kInteger, kNumber };

  static Flag Switch(std::string name, std::string help) {
    return {std::move(name), Kind::kSwitch, "", std::move(help), "", false, {}};
  }
  static Flag Text(std::string name, std::string value, std::string help) {
    return {std::move(name), Kind::kText, std::move(value), std::move(help), "",
            false,           {}};
  }
  static Flag Integer(std::string name, std::string help) {
    return {
        std::move(name), Kind::kInteger, "N", std::move(help), "", false, {}};
  }
  static Flag Number(std::string name, std::string help) {
    return {
        std::move(name), Kind::kNumber, "F", std::move(help), "", false, {}};
  }
  Flag Required() const;
  Flag Default(std::string text) const;
  // Only these values, in whatever case; read as they are written here.
  Flag OneOf(std::vector<std::string> texts) const;
  // For an integer: other limits than 0 and none.
  Flag Between(int64_t least, int64_t most) const;
  // May be given more than once: Invocation::All has the values.
  Flag Repeated() const;

  std::string name;  // without dashes
  Kind kind;
  std::string value;  // what to call the value in help, such as "DIR"
  std::string help;
  std::string default_text;  // "" if there is none
  bool required;
  std::vector<std::string> choices;
  int64_t least = 0;
  int64_t most = std::numeric_limits<int64_t>::max();
  bool repeated = false;
};

struct Command {
  std::string path;       // "dataset import"
  std::string arguments;  // "NAME", "A B", "[DIR]", "FILE..."
  std::string summary;    // one line
  std::string details;    // more, "" if there is none
  std::vector<Flag> flags;
  std::vector<std::string> examples;
  std::function<absl::Status(Context&)> run;
  // All that follows the path is an argument, flags too: for another program.
  bool passes_flags_on = false;
};

// What a command line asks for. Values have been checked against the table.
struct Invocation {
  enum class Kind { kRun, kHelp, kVersion };
  Kind kind = Kind::kRun;
  const Command* command = nullptr;  // for kRun
  std::string help_prefix;           // for kHelp: "", "dataset", "dataset seal"
  std::vector<std::string> arguments;
  // Given or default.
  std::map<std::string, std::vector<std::string>> flags;

  bool Has(const std::string& flag) const { return flags.count(flag) > 0; }
  // "" if it was not given and has no default.
  std::string Text(const std::string& flag) const;
  // Of a repeated flag, in the order of the command line.
  std::vector<std::string> All(const std::string& flag) const;
  bool On(const std::string& flag) const { return Text(flag) == "true"; }
  // REQUIRES: Has(flag).
  int64_t Integer(const std::string& flag) const;
  double Number(const std::string& flag) const;
};

// Flags that every command has: server, output, help, version.
const std::vector<Flag>& GlobalFlags();

// An INVALID_ARGUMENT with the reason USAGE: the command line is wrong.
absl::Status UsageError(const std::string& message);

// Reads the arguments after the program's name. Flags may stand anywhere, as
// `--flag value` or `--flag=value`; "--" ends them. USAGE errors name the
// nearest command or flag.
absl::StatusOr<Invocation> ParseCommandLine(
    const std::vector<Command>& commands, const std::vector<std::string>& args);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_COMMAND_H_

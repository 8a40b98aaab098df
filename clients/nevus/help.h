// What the table of commands says to people and shells: --help at every level,
// docs/cli.md, completion for bash. Pure.
#ifndef NEVUS_CLIENTS_NEVUS_HELP_H_
#define NEVUS_CLIENTS_NEVUS_HELP_H_

#include <string>
#include <vector>

#include "clients/nevus/command.h"

namespace nevus {

// Help for `prefix`: "" is everything, "dataset" a group, "dataset seal" a
// command. An unknown prefix gets everything.
std::string HelpText(const std::vector<Command>& commands,
                     const std::string& prefix);

// docs/cli.md.
std::string HelpMarkdown(const std::vector<Command>& commands);

// A script for bash: completes commands, flags, their values and files.
std::string BashCompletion(const std::vector<Command>& commands);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_HELP_H_

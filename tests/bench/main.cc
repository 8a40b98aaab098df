// nevus-bench: what `nevus bench` runs (docs/adr/0008). A program of its own
// because it needs the server and LibTorch, which the CLI does not.
#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "clients/nevus/context.h"
#include "tests/bench/commands.h"

int main(int argc, char** argv) {
  std::vector<std::string> args = {"bench"};
  args.insert(args.end(), argv + 1, argv + argc);
  const nevus::Terminal terminal{std::cout, std::cerr,
                                 isatty(STDERR_FILENO) != 0, ""};
  return nevus::RunCommandLine(nevus::BenchTable(), args, terminal);
}

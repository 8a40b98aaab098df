// The table of `nevus bench` commands: flags, help, and the bench that each
// runs.
#ifndef NEVUS_TESTS_BENCH_COMMANDS_H_
#define NEVUS_TESTS_BENCH_COMMANDS_H_

#include <vector>

#include "clients/nevus/command.h"

namespace nevus {

// Their paths begin with "bench", as people type them.
const std::vector<Command>& BenchTable();

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_COMMANDS_H_

// The commands of the CLI, a function a group. main.cc joins them into one
// table.
#ifndef NEVUS_CLIENTS_NEVUS_COMMANDS_H_
#define NEVUS_CLIENTS_NEVUS_COMMANDS_H_

#include <vector>

#include "clients/nevus/command.h"

namespace nevus {

std::vector<Command> DatasetImportCommands();  // generate, import
std::vector<Command> DatasetCommands();        // split, seal, list, show, ...
std::vector<Command> BackboneCommands();
std::vector<Command> FeatureCommands();  // extract, list, delete
std::vector<Command> FeatureExportCommands();
std::vector<Command> TrainingCommands();  // train, pipeline
std::vector<Command> EvaluationCommands();
std::vector<Command> ModelCommands();
std::vector<Command> ModelCompareCommands();
std::vector<Command> ModelWatchCommands();  // live, shadow, canary, ...
std::vector<Command> ClassifyCommands();
std::vector<Command> PredictionCommands();
std::vector<Command> JobCommands();       // all of them
std::vector<Command> JobWatchCommands();  // watch, logs
std::vector<Command> AdminCommands();     // backup, verify, restore
std::vector<Command> DoctorCommands();
std::vector<Command> BenchCommands();

// Every group, in the order of the way of the data, with `help` and
// `completion`.
const std::vector<Command>& AllCommands();

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_COMMANDS_H_

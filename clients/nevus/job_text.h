// A job, its tasks and its events as text: tables and single lines. Pure: no
// clock, no terminal, no server.
#ifndef NEVUS_CLIENTS_NEVUS_JOB_TEXT_H_
#define NEVUS_CLIENTS_NEVUS_JOB_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "clients/nevus/output.h"
#include "protos/nevus/v1/job.pb.h"

namespace nevus {

// The metric by which a sweep chooses.
inline constexpr char kChoosingMetric[] = "validation_auc";

// "120/200 epochs"; "" of nothing.
std::string ProgressText(const v1::Progress& progress);
// The metric worth a place on a line, "validation_auc 0.913": the one a sweep
// chooses by, else the newest. "" if there is none.
std::string MetricText(const v1::Progress& progress);
// "45/s, 2 s left": what is known of it.
std::string PaceText(double rate, const absl::Duration* time_left);
// The parts that say something, with commas between.
std::string JoinParts(const std::vector<std::string>& parts);
// "task 3 (hidden=64 seed=3)".
std::string TaskName(const v1::Job& job, int32_t index);
// "the disk is full (DISK_FULL)"; "" without an error.
std::string ErrorText(const v1::TaskError& error);

// What an event says, without its number and time. `job` has the titles.
std::string EventText(const v1::JobEvent& event, const v1::Job& job);
// The same with number and time before it.
std::string EventLine(const v1::JobEvent& event, const v1::Job& job);

absl::Time ToTime(const google::protobuf::Timestamp& time);

// The time since `job` was submitted: "5 s".
std::string AgeText(const v1::Job& job, absl::Time now);

// Field and value, those that say something.
Table JobFields(const v1::Job& job, absl::Time now);

// True if its tasks are candidates for one model: more than one is measured by
// kChoosingMetric, and may still be chosen.
bool IsSweep(const v1::Job& job);

// Its tasks: in order, or for a sweep the best first, which is marked. At most
// `limit`; a column a metric.
Table TaskTable(const v1::Job& job, int64_t limit);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_JOB_TEXT_H_

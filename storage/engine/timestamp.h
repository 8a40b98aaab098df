// Times as the protos hold them.
#ifndef NEVUS_STORAGE_ENGINE_TIMESTAMP_H_
#define NEVUS_STORAGE_ENGINE_TIMESTAMP_H_

#include <google/protobuf/timestamp.pb.h>

#include "absl/time/time.h"

namespace nevus {

inline google::protobuf::Timestamp TimestampOf(absl::Time time) {
  const timespec parts = absl::ToTimespec(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(parts.tv_sec);
  timestamp.set_nanos(static_cast<int>(parts.tv_nsec));
  return timestamp;
}

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_TIMESTAMP_H_

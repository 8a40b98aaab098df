// The version of Nevus, as programs print it and CHANGELOG.md counts it.
#ifndef NEVUS_BASE_VERSION_H_
#define NEVUS_BASE_VERSION_H_

namespace nevus {

constexpr char kVersion[] = "0.1.0";

}  // namespace nevus

#endif  // NEVUS_BASE_VERSION_H_

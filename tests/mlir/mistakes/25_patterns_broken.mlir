// RUN: zk-opt --patterns=mistakes/25_patterns_broken.pdll
module {}

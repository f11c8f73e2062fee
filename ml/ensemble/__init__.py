"""The ensemble that models share: a plan of the columns, members that are trees and lines, and how they are joined."""

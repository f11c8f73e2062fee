"""Read CSV files. The modules use each other in one direction only, from the file to the draft:

    header_words, lead_schema -> export_profiles -> mapping -> column_plan    what each column means
    column_plan -> evidence, planning    how it is decided, and what whole columns show
    sniffing, spool, error_file -> source          how the file is written, its chunks, its records
    column_plan, source -> cells, row_checks -> rows -> event_rows    what each row says

How a single value is read, such as a date, is in `tasks.intake.values`.
"""

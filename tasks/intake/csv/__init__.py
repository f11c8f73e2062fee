"""Read CSV files. The modules use each other in one direction only, from the file to the draft:

    sniffing, spool, error_file -> source          how the file is written, its chunks, its records
    lead_schema -> export_profiles -> mapping -> columns    what each column means
    columns, source -> cells, row_checks -> rows -> event_rows    what each row says

How a single value is read, such as a date, is in `tasks.intake.values`.
"""
